/**
 * Known differences between the trees that plyfs and the other side leave. Each function makes the two trees
 * equal again, so that the script can continue; docs/deviations.md lists them for users.
 */
import * as sys from '../../harness/sys/index.js';
import type { Actor } from '../script/actors.js';
import type { Operation } from '../script/operation.js';
import { timeText } from '../sides/facts.js';
import type { Side } from '../sides/side.js';
import { count, type DeviationCounts, type DoneStep, type Pair } from './done-step.js';

/**
 * Closes open files on which the two sides differ from now on. If a file of a lower layer was unlinked while
 * a reader had it open, plyfs shows a file without links that can be changed. The kernel shows the lower
 * file's links, and fails changes with EEXIST, because it copies up to the name, where the whiteout is. The
 * content must be the same.
 */
export function closeUnlinkedLowerFiles({ oracle, subject }: Pair, met: DeviationCounts): string | null {
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
 * Whether only aufs allows an operation that the other side has refused: it can rename directories for which
 * the kernel's overlayfs returns EXDEV, and device 0:0 is an ordinary device.
 */
export function isAllowedByAufsOnly({ call, arguments: args }: Operation, expected: string): boolean {
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
 * Restores mode bits that passthrough clears. If a file gets set-id bits while it is open in passthrough, the
 * next write of root clears them, and the next write of a group member clears set-gid without group execute,
 * because passthrough writes run without CAP_FSETID and with the server's groups. A stranger's write keeps
 * set-gid if the group is one of the server's. The mode is restored, so that the script continues with equal
 * trees.
 */
export function restoreSetIdBits({ operation, oracle, subject }: DoneStep, met: DeviationCounts): void {
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
 * Restores the mtime of a completed metacopy. plyfs keeps its times until a write. The kernel copies the data
 * at the first open for writing, and leaves the mtime of that moment.
 */
export function restoreDataTimes({ operation, expected, got, oracle, subject }: DoneStep, met: DeviationCounts): void {
  const { actor, call, arguments: args } = operation;
  if (expected !== got) return;
  if (call === 'open' && expected.startsWith('ok') && typeof args.slot === 'number') {
    const [theirs, ours] = [oracle.files.get(actor, args.slot), subject.files.get(actor, args.slot)];
    if (theirs === undefined || ours === undefined || String(args.flags).includes('PATH')) return;
    if (timeText(sys.statOne(theirs.fd, 'mtime')) !== 'clock') return;
    const mtime = sys.statOne(ours.fd, 'mtime');
    if (timeText(mtime) === 'clock') return;
    sys.futimens(theirs.fd, sys.OMIT, mtime);
    count(met, 'the time of a file whose data was completed');
  }
  // The target is opened for writing before the copy fails.
  if (call === 'copyFile' && typeof args.to === 'string') {
    const [theirs, ours] = [mtimeOf(oracle.at(args.to)), mtimeOf(subject.at(args.to))];
    if (theirs === null || ours === null || !onlyTheirsIsNew(theirs, ours)) return;
    sys.utimensFollowing(oracle.at(args.to), sys.OMIT, ours);
    count(met, 'the time of a file whose data was completed');
  }
}

/**
 * Restores the mtime after a truncate(2) to the size that a file has. plyfs changes its mtime, as
 * ftruncate(2) does. With the kernel's overlayfs, the upper's file system decides: tmpfs, xfs and btrfs keep
 * it, ext4 does not.
 */
export function restoreTruncationTimes(
  { operation, expected, got, oracle, subject }: DoneStep,
  met: DeviationCounts,
): void {
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
 * Restores the mtime of the old parent after a refused rename over a non-empty directory. Under the kernel's
 * overlayfs, ext4 has made the whiteout before it finds the error, and has undone it
 * (fs/ext4/namei.c:ext4_rename).
 */
export function restoreRenameTimes(
  { operation, expected, got, oracle, subject }: DoneStep,
  met: DeviationCounts,
): void {
  const { path } = operation.arguments;
  if (operation.call !== 'rename' || expected !== 'ENOTEMPTY' || got !== expected || typeof path !== 'string') return;
  const parent = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '.';
  const [theirs, ours] = [oracle, subject].map((side) => sys.statOne(side.at(parent), 'mtime', true)) as [
    sys.Time,
    sys.Time,
  ];
  if (!onlyTheirsIsNew(theirs, ours)) return;
  sys.utimensFollowing(oracle.at(parent), sys.OMIT, ours);
  count(met, 'the time of a directory after a failed rename');
}

/**
 * Writes mapped pages back. A write to a shared mapping of plyfs changes the times when the kernel writes the
 * page back, at the latest in msync(2). With the kernel's overlayfs, it changes them at once.
 */
export function restoreMappedTimes(
  { operation, expected, got, oracle, subject }: DoneStep,
  met: DeviationCounts,
): void {
  const { actor, call, arguments: args } = operation;
  if (call !== 'mapWrite' || expected !== 'ok true' || got !== expected || typeof args.slot !== 'number') return;
  const [theirs, ours] = [oracle.mappings.get(actor, args.slot), subject.mappings.get(actor, args.slot)];
  if (theirs === undefined || ours === undefined) return;
  if (!onlyTheirsIsNew(sys.statOne(theirs.fd, 'mtime'), sys.statOne(ours.fd, 'mtime'))) return;
  ours.sync();
  count(met, 'the time of a file that a mapping has written');
}

/** Writes mapped pages back before a call sets a time, because a later write-back would change the time. */
export function writeBackMappings({ call }: Operation, { subject }: Pair): void {
  if (call !== 'utimens' && call !== 'futimens') return;
  for (const mapping of subject.mappings.all()) if (mapping.writable) mapping.sync();
}

/**
 * Restores set-gid after the removal of an access ACL by a user outside the group. The kernel's overlayfs
 * clears the bit (fs/overlayfs/inode.c: ovl_set_or_remove_acl); the file systems below it keep it.
 */
export function restoreSetGid({ operation, expected, got, oracle, subject }: DoneStep, met: DeviationCounts): void {
  const { call, arguments: args } = operation;
  if (call !== 'removeAcl' || expected !== 'ok null' || got !== expected || typeof args.path !== 'string') return;
  const at = args.path;
  const [theirs, ours] = [oracle, subject].map((side) => sys.statOne(side.at(at), 'mode')) as [number, number];
  if (sys.isSymlink(ours) || (theirs | sys.S_ISGID) !== ours || theirs === ours) return;
  sys.chmod(oracle.at(at), ours & 0o7777);
  count(met, 'set-gid after the removal of an ACL');
}

/** The modes on both sides, and a function that sets the subject's. */
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
