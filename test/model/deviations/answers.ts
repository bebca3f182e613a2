/**
 * Known differences between the answers of plyfs and of the other side; docs/deviations.md lists them for
 * users.
 */
import * as sys from '../../harness/sys/index.js';
import { perform } from '../script/operation.js';
import type { Side } from '../sides/side.js';
import { count, type DeviationCounts, type DoneStep } from './done-step.js';

interface AnswerDeviation {
  readonly name: string;
  allows(done: DoneStep): boolean;
}

/**
 * A mapping or descriptor that was opened before a copy-up shows later writes. The kernel's mapping stays on
 * the lower file, and shows the content at its open.
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
 * The kernel's overlayfs requests the list of attributes from the layer with the caller's buffer, and removes
 * hidden names afterwards (fs/overlayfs/xattrs.c:ovl_listxattr). It fails with ERANGE also if the shorter
 * list would fit.
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
 * A copy-up of plyfs keeps every hole. The kernel copies in pieces of 1 MiB, and fills a hole that does not
 * begin or end with a piece (fs/overlayfs/copy_up.c:ovl_copy_up_file). Also, ext4 reports preallocated blocks
 * as data as long as some process has their pages in memory. A range that is a hole on one side only must
 * read as zeros. Both sides continue at the subject's position.
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
    // A range that is data on one side only must be zeros. After a hole on one side only, other data can
    // follow.
    const [from, to] = [Math.min(shown, right), Math.max(shown, right)];
    const end = whence === 'hole' ? Math.min(from + 1, to) : to;
    if (contentOf(theirs.fd, from, end).some((byte) => byte !== 0)) return false;
    sys.lseek(theirs.fd, sys.lseek(ours.fd, 0, sys.SEEK_CUR), sys.SEEK_SET);
    return true;
  },
};

/** Reads content also of a descriptor for writing only. */
function contentOf(fd: number, from: number, to: number): Buffer {
  const reader = sys.open(`/proc/self/fd/${fd}`, sys.O_RDONLY);
  try {
    return sys.pread(reader, Math.max(0, to - from), from);
  } finally {
    sys.close(reader);
  }
}

/**
 * plyfs cannot distinguish a chown(2) without an id, of another user's set-id file, from a part of a write.
 */
const strangersChownWithoutId: AnswerDeviation = {
  name: 'a chown without an id',
  allows({ operation: { actor, call, arguments: args }, expected, got }) {
    const hasNoId = args.uid === NO_ID && args.gid === NO_ID;
    return call.endsWith('chown') && hasNoId && actor !== 'root' && expected === 'EPERM' && got === 'ok null';
  },
};

/** (uid_t) -1 */
const NO_ID = 2 ** 32 - 1;

/**
 * Whether the removal of a missing ACL of a directory is an error depends on whether the directory is in the
 * upper layer. The kernel's O_TMPFILE copies it up; plyfs does so only when the file gets a name there.
 */
const absentAclOfDirectory: AnswerDeviation = {
  name: 'the removal of a missing ACL',
  allows({ operation: { call, arguments: args }, oracle, expected, got }) {
    if (call !== 'removeAcl' || ![expected, got].includes('ENODATA') || ![expected, got].includes('ok null'))
      return false;
    return sys.isDirectory(sys.statOne(oracle.at(String(args.path)), 'mode'));
  },
};

/**
 * The kernel computes the inode number of a listed name itself (fs/overlayfs/readdir.c:ovl_cache_update). It
 * is not always the number of stat(2).
 */
const listedNumbers: AnswerDeviation = {
  name: 'a listed number that is not that of stat',
  allows({ operation: { call }, expected, got }) {
    return call === 'list' && expected.replaceAll(':another inode', ':ok') === got;
  },
};

/**
 * A position in a directory of plyfs is valid while the directory is open. The kernel's overlayfs passes it
 * to the upper's file system if the directory has become one of the upper alone meanwhile
 * (fs/overlayfs/readdir.c:ovl_dir_llseek). Both readers are closed then.
 */
const positionsThatStay: AnswerDeviation = {
  name: 'a position in a directory that the kernel refuses',
  allows({ operation: { actor, call, arguments: args }, oracle, subject, expected, got }) {
    if (call !== 'rewindDirectory' || expected !== 'EINVAL' || got !== 'ok null') return false;
    for (const side of [oracle, subject]) side.directories.drop(actor, Number(args.slot));
    return true;
  },
};

const ANSWERS: readonly AnswerDeviation[] = [
  coherentMappings,
  listsThatFit,
  holesThatStay,
  strangersChownWithoutId,
  absentAclOfDirectory,
  listedNumbers,
  positionsThatStay,
];

/** Whether the two results of a step are equal, or a deviation allows the difference. */
export function answersAgree(done: DoneStep, met: DeviationCounts): boolean {
  if (done.expected === done.got) return true;
  const deviation = ANSWERS.find((one) => one.allows(done));
  if (deviation === undefined) return false;
  count(met, deviation.name);
  return true;
}
