/**
 * Known differences between the trees that plyfs and the other side leave. Each function makes the two trees
 * equal again, so that the script can continue; docs/deviations.md lists them for users.
 */
import * as sys from '../../harness/sys/index.js';
import type { Actor } from '../actors.js';
import { timeText } from '../facts.js';
import type { Operation } from '../operation.js';
import type { Side } from '../side.js';
import { count, type Done, type Met, type Pair } from './met.js';

/**
 * Lets go of open files that the two sides cannot agree on any longer: what was unlinked while a reader had
 * it open in a lower layer is to plyfs a file without links that can be changed. The kernel shows the lower
 * file's links, and fails changes with EEXIST, because it copies up to the name, where the whiteout is. What
 * it reads stays the same.
 */
export function partFromUnlinkedLowerFiles({ oracle, subject }: Pair, met: Met): string | null {
  for (const [actor, slot, theirs] of oracle.files.entries()) {
    const ours = subject.files.get(actor, slot);
    if (ours === undefined) continue;
    const type = sys.statOne(theirs.fd, 'mode') & sys.S_IFMT;
    const hasContent = type === sys.S_IFREG;
    if (type === sys.S_IFDIR || (hasContent && theirs.found === null)) continue;
    if (sys.statOne(ours.fd, 'nlink') !== 0 || sys.statOne(theirs.fd, 'nlink') === 0) continue;
    const [read, expected] = hasContent
      ? [ours.fd, theirs.fd].map((fd) => sys.pread(fd, 1 << 16, 0).toString('latin1'))
      : [];
    if (read !== expected) return `an unlinked lower file: read ${read?.slice(0, 80)}, not ${expected?.slice(0, 80)}`;
    oracle.files.drop(actor, slot);
    subject.files.drop(actor, slot);
    count(met, 'an unlinked lower file');
  }
  return null;
}

/**
 * What only aufs does, and what could not be done on the other side then: there are directories that it moves
 * and the kernel's overlayfs does not (EXDEV), and device 0:0 is a device to it.
 */
export function isLeftToAufs({ call, arguments: args }: Operation, expected: string): boolean {
  return (
    (call === 'rename' && expected === 'EXDEV') || (call === 'mknod' && args.type === 'zero' && expected === 'EPERM')
  );
}

/** Calls that write. */
const WRITES = new Set([
  'write',
  'rewrite',
  'append',
  'truncate',
  'copyFile',
  'pwrite',
  'writeOn',
  'ftruncate',
  'fallocate',
  'copyRange',
  'sendFile',
  'open',
]);

/**
 * A file that gets set-id bits while somebody has it open in passthrough loses them at the next write of
 * root's too, and set-gid without group execute also at the next write of a member of the group: passthrough
 * writes run without CAP_FSETID and with the server's groups. That keeps the bit, if it is of a group of the
 * server, at a stranger's write. The mode is set back, so that the script goes on alike.
 */
export function giveBackSetIdBits({ operation, oracle, subject }: Done, met: Met): void {
  const { actor, call } = operation;
  if (!WRITES.has(call)) return;
  const { slot, path, to } = operation.arguments;
  for (const [wanted, shown, setBack] of [
    ...heldModes(actor, slot, oracle, subject),
    ...heldModes(actor, to, oracle, subject),
    ...namedModes(path, oracle, subject),
    ...namedModes(to, oracle, subject),
  ]) {
    if ((shown & ~wanted) === sys.S_ISGID && (shown & 0o010) === 0 && (wanted & ~shown) === 0) {
      setBack(wanted & 0o7777);
      count(met, 'set-id bits after a write');
      continue;
    }
    const lost = wanted & ~shown;
    const keptByRootOnly = actor === 'root' && (lost & ~0o6000) === 0;
    const keptByGroup = lost === sys.S_ISGID && (wanted & 0o010) === 0;
    if (lost === 0 || !(keptByRootOnly || keptByGroup) || (shown | lost) !== wanted) continue;
    setBack(wanted & 0o7777);
    count(met, 'set-id bits after a write');
  }
}

/**
 * A metacopy that gets its data keeps its times until somebody writes. The kernel writes the data at the
 * first open for writing, and leaves the mtime of that. It is set back there.
 */
export function takeBackDataTimes({ operation, expected, got, oracle, subject }: Done, met: Met): void {
  const { actor, call, arguments: args } = operation;
  if (expected !== got) return;
  if (call === 'open' && expected.startsWith('ok') && typeof args.slot === 'number') {
    const [theirs, ours] = [oracle.files.get(actor, args.slot), subject.files.get(actor, args.slot)];
    if (theirs === undefined || ours === undefined || String(args.flags).includes('PATH')) return;
    if (timeText(sys.statOne(theirs.fd, 'mtime')) !== 'clock') return;
    const mtime = sys.statOne(ours.fd, 'mtime');
    if (timeText(mtime) === 'clock') return;
    sys.futimens(theirs.fd, sys.OMIT, mtime);
    count(met, 'the time of a file whose data has followed');
  }
  // Its target is open for writing when it finds that it cannot copy.
  if (call === 'copyFile' && typeof args.to === 'string') {
    const [theirs, ours] = [mtimeOf(oracle.at(args.to)), mtimeOf(subject.at(args.to))];
    if (theirs === null || ours === null || !onlyTheirsIsNew(theirs, ours)) return;
    sys.utimensFollowing(oracle.at(args.to), sys.OMIT, ours);
    count(met, 'the time of a file whose data has followed');
  }
}

/**
 * truncate(2) to the size that a file has changes its mtime, as ftruncate(2) does. With the kernel's
 * overlayfs the upper's file system decides: tmpfs, xfs and btrfs leave it alone, ext4 does not. It is set
 * back there.
 */
export function takeBackTruncationTimes({ operation, expected, got, oracle, subject }: Done, met: Met): void {
  const { path } = operation.arguments;
  if (operation.call !== 'truncate' || expected !== 'ok null' || got !== expected || typeof path !== 'string') return;
  const [theirs, ours] = [mtimeOf(oracle.at(path)), mtimeOf(subject.at(path))];
  if (theirs === null || ours === null || !onlyTheirsIsNew(ours, theirs)) return;
  sys.utimensFollowing(subject.at(path), sys.OMIT, theirs);
  count(met, 'the time of a file truncated to its size');
}

function mtimeOf(path: string): sys.Time | null {
  let mtime: sys.Time | null = null;
  sys.outcome(() => {
    mtime = sys.statOne(path, 'mtime', true);
  });
  return mtime;
}

function onlyTheirsIsNew(theirs: sys.Time, ours: sys.Time): boolean {
  return timeText(theirs) === 'clock' && timeText(ours) !== 'clock';
}

/**
 * A rename over a directory that is not empty changes nothing. Under the kernel's overlayfs ext4 has put the
 * whiteout in place by the time it finds out, and taken it back: the old parent has a new mtime
 * (fs/ext4/namei.c:ext4_rename). It is set back there.
 */
export function takeBackTimes({ operation, expected, got, oracle, subject }: Done, met: Met): void {
  const { path } = operation.arguments;
  if (operation.call !== 'rename' || expected !== 'ENOTEMPTY' || got !== expected || typeof path !== 'string') return;
  const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
  const [theirs, ours] = [oracle, subject].map((side) => sys.statOne(side.at(parent), 'mtime', true)) as [
    sys.Time,
    sys.Time,
  ];
  if (!onlyTheirsIsNew(theirs, ours)) return;
  sys.utimensFollowing(oracle.at(parent), sys.OMIT, ours);
  count(met, 'the time of a directory after a rename that failed');
}

/**
 * What a shared mapping writes through the server changes the times when the kernel writes it back, at the
 * latest in msync(2). With the kernel's overlayfs it does so at once. It is written back there.
 */
export function takeBackMappedTimes({ operation, expected, got, oracle, subject }: Done, met: Met): void {
  const { actor, call, arguments: args } = operation;
  if (call !== 'mapWrite' || expected !== 'ok true' || got !== expected || typeof args.slot !== 'number') return;
  const [theirs, ours] = [oracle.mappings.get(actor, args.slot), subject.mappings.get(actor, args.slot)];
  if (theirs === undefined || ours === undefined) return;
  if (!onlyTheirsIsNew(sys.statOne(theirs.fd, 'mtime'), sys.statOne(ours.fd, 'mtime'))) return;
  ours.sync();
  count(met, 'the time of what a mapping has written');
}

/** Before a time is set: what is written back later would change it. */
export function writeBackMappings({ call }: Operation, { subject }: Pair): void {
  if (call !== 'utimens' && call !== 'futimens') return;
  for (const mapping of subject.mappings.all()) if (mapping.writable) mapping.sync();
}

/**
 * Who removes an access ACL and is not in the group takes set-gid away in the kernel's overlayfs
 * (fs/overlayfs/inode.c: ovl_set_or_remove_acl), but not on the file systems below it. It is given back
 * there.
 */
export function giveBackSetGid({ operation, expected, got, oracle, subject }: Done, met: Met): void {
  const { call, arguments: args } = operation;
  if (call !== 'removeAcl' || expected !== 'ok null' || got !== expected || typeof args.path !== 'string') return;
  const at = args.path;
  const [theirs, ours] = [oracle, subject].map((side) => sys.statOne(side.at(at), 'mode')) as [number, number];
  if (sys.isSymlink(ours) || (theirs | sys.S_ISGID) !== ours || theirs === ours) return;
  sys.chmod(oracle.at(at), ours & 0o7777);
  count(met, 'set-gid after the removal of an ACL');
}

/** The modes on both sides, and what sets the subject's. */
type Modes = readonly [wanted: number, shown: number, setBack: (mode: number) => void];

function heldModes(actor: Actor, slot: unknown, oracle: Side, subject: Side): Modes[] {
  if (typeof slot !== 'number') return [];
  const [theirs, ours] = [oracle.files.get(actor, slot), subject.files.get(actor, slot)];
  if (theirs === undefined || ours === undefined) return [];
  const [wanted, shown] = [theirs, ours].map(({ fd }) => sys.statOne(fd, 'mode')) as [number, number];
  return [[wanted, shown, (mode) => sys.fchmod(ours.fd, mode)]];
}

function namedModes(path: unknown, oracle: Side, subject: Side): Modes[] {
  if (typeof path !== 'string') return [];
  const modes: number[] = [];
  const known = sys.outcome(() => {
    for (const side of [oracle, subject]) modes.push(sys.statOne(side.at(path), 'mode', true));
  });
  const [wanted, shown] = modes;
  if (known !== 'ok' || wanted === undefined || shown === undefined) return [];
  return isOpen(subject, path) ? [[wanted, shown, (mode) => sys.chmod(subject.at(path), mode)]] : [];
}

function isOpen(side: Side, path: string): boolean {
  const ino = sys.statOne(side.at(path), 'ino', true);
  const open = [...side.files.all(), ...side.mappings.all()];
  return open.some(({ fd }) => sys.statOne(fd, 'ino') === ino);
}
