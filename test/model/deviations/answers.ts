/**
 * Known differences between the answers of plyfs and of the other side; docs/deviations.md lists them for users.
 */
import * as sys from '../../harness/sys/index.js';
import { perform } from '../operation.js';
import type { Side } from '../side.js';
import { count, type Done, type Met } from './met.js';

interface AnswerDeviation {
  readonly name: string;
  allows(done: Done): boolean;
}

/**
 * A mapping or descriptor that was opened before a copy-up sees what is written after it. The kernel's
 * mapping stays with the lower file: with what the open found.
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
 * The kernel's overlayfs asks the layer for a list of attributes with the caller's buffer, and takes out what
 * the caller must not see afterwards (fs/overlayfs/xattrs.c:ovl_listxattr): ERANGE also where what is left
 * would fit.
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
 * A copy-up keeps every hole. The kernel copies up in pieces of 1 MiB, and fills a hole that does not begin
 * or end with one (fs/overlayfs/copy_up.c:ovl_copy_up_file). And preallocated blocks are data to ext4 as long
 * as somebody's pages of them are in memory. What is a hole to one of them alone must read as nothing; both
 * go on from the subject's position.
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
    // What is data to one of them alone must be nothing. Behind a hole of one of them alone other data can
    // follow.
    const [from, to] = [Math.min(shown, right), Math.max(shown, right)];
    const end = whence === 'hole' ? Math.min(from + 1, to) : to;
    if (contentOf(theirs.fd, from, end).some((byte) => byte !== 0)) return false;
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
 * Whether the removal of an ACL that a directory does not have is an error depends on whether it is in the
 * upper layer. The kernel's O_TMPFILE copies it up; plyfs does so only when the file gets a name there.
 */
const absentAclOfDirectory: AnswerDeviation = {
  name: 'the removal of an ACL that was not there',
  allows({ operation: { call, arguments: args }, oracle, expected, got }) {
    if (call !== 'removeAcl' || ![expected, got].includes('ENODATA') || ![expected, got].includes('ok null'))
      return false;
    return sys.isDirectory(sys.statOne(oracle.at(String(args.path)), 'mode'));
  },
};

/**
 * The kernel finds out the number of a listed name by itself (fs/overlayfs/readdir.c:ovl_cache_update), and
 * that is not always the one that stat(2) shows.
 */
const listedNumbers: AnswerDeviation = {
  name: 'a listed number that is not the one of stat',
  allows({ operation: { call }, expected, got }) {
    return call === 'list' && expected.replaceAll(':another inode', ':ok') === got;
  },
};

/**
 * A position in a directory is good for as long as it is open. The kernel's overlayfs hands it to the upper's
 * file system when the directory has become one without parts meanwhile
 * (fs/overlayfs/readdir.c:ovl_dir_llseek). Both readers are let go.
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
  strangersEmptyChown,
  absentAclOfDirectory,
  listedNumbers,
  positionsThatStay,
];

/** Whether the two answers to a step are the same, or a deviation allows them. */
export function answersAgree(done: Done, met: Met): boolean {
  if (done.expected === done.got) return true;
  const deviation = ANSWERS.find((one) => one.allows(done));
  if (deviation === undefined) return false;
  count(met, deviation.name);
  return true;
}
