/**
 * Where plyfs is known to answer otherwise than what it is compared with. Each entry says exactly which answers it
 * allows, and makes the two trees alike again where the difference would last; ARCHITECTURE.md tells users of them.
 */
import * as sys from '../harness/sys/index.js';
import type { Actor } from './actors.js';
import { timeText } from './facts.js';
import { type Operation, perform } from './operation.js';
import type { Side } from './side.js';

export interface Pair {
  /** What is right by definition. */
  readonly oracle: Side;
  readonly subject: Side;
}

/** A step that was done on both sides. */
export interface Done extends Pair {
  readonly operation: Operation;
  readonly expected: string;
  readonly got: string;
}

/** How often each deviation was met, by its name. */
export type Met = Map<string, number>;

interface AnswerDeviation {
  readonly name: string;
  allows(done: Done): boolean;
}

/**
 * A mapping or descriptor that was opened before a copy-up sees what is written after it. The kernel's mapping stays with
 * the lower file: with what the open found.
 */
const coherentMappings: AnswerDeviation = {
  name: 'a mapping from before a copy-up',
  allows({ operation, expected, got }) {
    if (operation.call !== 'mapRead') return false;
    const [theirs, ours] = [mapAnswer(expected), mapAnswer(got)];
    if (theirs === null || ours === null) return false;
    const stale = theirs.found?.slice(0, theirs.shown.length);
    return ours.shown === ours.file && ours.file === theirs.file && theirs.shown === stale;
  },
};

function mapAnswer(answer: string): { shown: string; file: string; found: string | null } | null {
  if (!answer.startsWith('ok [')) return null;
  const [shown, file, found] = JSON.parse(answer.slice(3)) as [string, string, string | null];
  return { shown, file, found };
}

/**
 * The kernel's overlayfs asks the layer for a list of attributes with the caller's buffer, and takes out what the caller
 * must not see afterwards (fs/overlayfs/xattrs.c:ovl_listxattr): ERANGE also where what is left would fit.
 */
const listsThatFit: AnswerDeviation = {
  name: 'a list of attributes that fits without the hidden ones',
  allows({ operation: { actor, call, arguments: args }, oracle, subject, expected, got }) {
    if (call !== 'listxattr' || expected !== 'ERANGE' || !got.startsWith('ok ')) return false;
    const whole = (side: Side): string => perform({ actor, call, arguments: { ...args, size: 65536 } }, side);
    return whole(oracle) === got && whole(subject) === got;
  },
};

/**
 * A copy-up keeps every hole. The kernel copies up in pieces of 1 MiB, and fills a hole that does not begin or end with one
 * (fs/overlayfs/copy_up.c:ovl_copy_up_file). What is a hole to the subject alone must read as nothing; both go on from the
 * subject's position.
 */
const holesThatStay: AnswerDeviation = {
  name: 'a hole that the kernel has filled',
  allows({ operation: { actor, call, arguments: args }, oracle, subject, expected, got }) {
    const { slot, offset, whence } = args;
    if (call !== 'lseek' || (whence !== 'hole' && whence !== 'data')) return false;
    if (typeof slot !== 'number' || typeof offset !== 'number') return false;
    const [theirs, ours] = [oracle.files.get(actor, slot), subject.files.get(actor, slot)];
    if (theirs === undefined || ours === undefined) return false;
    const size = sys.statOne(theirs.fd, 'size');
    const [right, shown] = [expected, got].map((answer) => (answer === 'ENXIO' ? size : Number(answer.slice(3))));
    if (right === undefined || shown === undefined || Number.isNaN(right) || Number.isNaN(shown)) return false;
    // Up to the next data, or up to where the oracle's hole begins, there must be nothing.
    const [from, to] = whence === 'data' ? [offset, shown] : [shown, Math.min(right, shown + 1)];
    if (whence === 'data' ? shown < right : shown > right) return false;
    if (contentOf(theirs.fd, from, to).some((byte) => byte !== 0)) return false;
    sys.lseek(theirs.fd, sys.lseek(ours.fd, 0, sys.SEEK_CUR), sys.SEEK_SET);
    return true;
  },
};

/** Also of a descriptor that is for writing only. */
function contentOf(fd: number, from: number, to: number): Buffer {
  const reader = sys.open(`/proc/self/fd/${fd}`, sys.O_RDONLY);
  try {
    return sys.pread(reader, Math.max(0, to - from), from);
  } finally {
    sys.close(reader);
  }
}

/** chown(2) that names nobody, of somebody else's set-id file, cannot be told from a part of a write. */
const strangersEmptyChown: AnswerDeviation = {
  name: 'a chown that names nobody',
  allows({ operation: { actor, call, arguments: args }, expected, got }) {
    const namesNobody = args.uid === NOBODY_NAMED && args.gid === NOBODY_NAMED;
    return call.endsWith('chown') && namesNobody && actor !== 'root' && expected === 'EPERM' && got === 'ok null';
  },
};

/** (uid_t) -1 */
const NOBODY_NAMED = 2 ** 32 - 1;

/**
 * Whether the removal of an ACL that a directory does not have is an error depends on whether it is in the upper layer. The
 * kernel's O_TMPFILE copies it up; plyfs does so only when the file gets a name there.
 */
const absentAclOfDirectory: AnswerDeviation = {
  name: 'the removal of an ACL that was not there',
  allows({ operation: { call, arguments: args }, oracle, expected, got }) {
    if (call !== 'removeAcl' || ![expected, got].includes('ENODATA') || ![expected, got].includes('ok null'))
      return false;
    return sys.isDirectory(sys.statOne(oracle.at(String(args.path)), 'mode'));
  },
};

const ANSWERS: readonly AnswerDeviation[] = [
  coherentMappings,
  listsThatFit,
  holesThatStay,
  strangersEmptyChown,
  absentAclOfDirectory,
];

/** Whether the two answers to a step are the same, or a deviation allows them. */
export function answersAgree(done: Done, met: Met): boolean {
  if (done.expected === done.got) return true;
  const deviation = ANSWERS.find((one) => one.allows(done));
  if (deviation === undefined) return false;
  count(met, deviation.name);
  return true;
}

/**
 * Lets go of open files that the two sides cannot agree on any longer: what was unlinked while a reader had it open in a
 * lower layer is to plyfs a file without links that can be changed. The kernel shows the lower file's links, and fails
 * changes with EEXIST, because it copies up to the name, where the whiteout is. What it reads stays the same.
 */
export function partFromUnlinkedLowerFiles({ oracle, subject }: Pair, met: Met): string | null {
  for (const [actor, slot, theirs] of oracle.files.entries()) {
    const ours = subject.files.get(actor, slot);
    if (ours === undefined) continue;
    const isFifo = (sys.statOne(theirs.fd, 'mode') & sys.S_IFMT) === sys.S_IFIFO;
    if (theirs.found === null && !isFifo) continue;
    if (sys.statOne(ours.fd, 'nlink') !== 0 || sys.statOne(theirs.fd, 'nlink') === 0) continue;
    const [read, expected] = isFifo
      ? []
      : [ours.fd, theirs.fd].map((fd) => sys.pread(fd, 1 << 16, 0).toString('latin1'));
    if (read !== expected) return `an unlinked lower file: read ${read?.slice(0, 80)}, not ${expected?.slice(0, 80)}`;
    oracle.files.drop(actor, slot);
    subject.files.drop(actor, slot);
    count(met, 'an unlinked lower file');
  }
  return null;
}

/**
 * What only aufs does, and what could not be done on the other side then: there are directories that it moves and the
 * kernel's overlayfs does not (EXDEV), and device 0:0 is a device to it.
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
  'open',
]);

/**
 * A file that gets set-id bits while somebody has it open in passthrough loses them at the next write of root's too, and
 * set-gid without group execute also at the next write of a member of the group: passthrough writes run without
 * CAP_FSETID and with the server's groups. That keeps the bit, if it is of a group of the server, at a stranger's write. The mode is set back, so that the script goes on alike.
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
 * A metacopy that gets its data keeps its times until somebody writes. The kernel writes the data at the first open for
 * writing, and leaves the mtime of that. It is set back there.
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
 * A rename over a directory that is not empty changes nothing. Under the kernel's overlayfs ext4 has put the whiteout in
 * place by the time it finds out, and taken it back: the old parent has a new mtime (fs/ext4/namei.c:ext4_rename). It is
 * set back there.
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

export function count(met: Met, name: string): void {
  met.set(name, (met.get(name) ?? 0) + 1);
}
