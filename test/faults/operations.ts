/** Operations that change a union, each on every kind of object that the code treats differently. */
import {
  dir,
  file,
  type Layers,
  linked,
  opaqueDir,
  special,
  symlink,
  type Tree,
  whiteout,
} from '../conformance/tree.js';
import * as sys from '../harness/sys/index.js';

export interface FaultedOperation {
  readonly id: string;
  /** The content of a new directory that the operation works in. */
  readonly layers: Layers;
  /**
   * Runs before the operation, without a fault. Returns an fd for the operation, which is closed afterwards,
   * or -1.
   */
  prepare?(at: string): number;
  /** Makes one system call that changes something, or several of which the last one does. */
  run(at: string, fd: number): void;
  /**
   * Its copy is no longer a link of the lower file's other names, also when the operation fails. The kernel
   * behaves so.
   */
  readonly breaksLinks?: boolean;
  /** It clears set-id bits before it changes the data. If that fails, they stay cleared, as on ext4. */
  readonly dropsSetId?: boolean;
  /**
   * Its write clears the file's capabilities, and it restores them if there is room
   * (fs/overlayfs/copy_up.c:ovl_copy_up_meta_inode_data).
   */
  readonly losesCapability?: boolean;
  /**
   * Its reply contains attributes. If a layer makes the change and then fails to return the attributes, the
   * change is made and the caller gets the errno.
   */
  readonly returnsAttributes?: boolean;
  /**
   * It marks a directory first. If there is no room for the mark, it fails with EXDEV, as in the kernel
   * (fs/overlayfs/dir.c:ovl_set_opaque_xerr).
   */
  readonly marksDirectory?: boolean;
}

const FACTS = { mode: 0o640, uid: 61001, gid: 62001, mtime: 1_000_000_000, xattrs: { 'user.k': 'value' } } as const;
const text = (content = 'content\n'): ReturnType<typeof file> => file(content, FACTS);
const full = (entries: Tree): ReturnType<typeof dir> => dir(entries, { mode: 0o755, mtime: 1_000_000_000 });
/** Returns the entries of the directory `d` of a layer. */
function entriesOf(layer: Tree | undefined): Tree {
  const d = layer?.d;
  return typeof d === 'object' && d.kind === 'directory' ? d.entries : {};
}

/** Large enough that a helper thread copies it up. */
const LARGE = 'large '.repeat(200_000);

/** A directory that only lower layers have, with an object of each kind. */
const LOWER: Layers = {
  lower1: {
    d: full({
      file: text(),
      link: symlink('file', { mtime: 1_000_000_000 }),
      fifo: special(sys.S_IFIFO, 0, { mode: 0o600, mtime: 1_000_000_000 }),
      empty: full({}),
      sub: full({ a: text('a') }),
    }),
  },
  lower2: { d: full({ deep: text('deep'), sub: full({ b: text('b') }) }) },
};
/** The same directory with an upper part, in which something was changed, made and removed. */
const MIXED: Layers = {
  upper: {
    d: dir({
      own: text('own'),
      file: text('copied up'),
      other: text('other'),
      deep: whiteout,
      gone: whiteout,
      made: full({ x: text('x') }),
      new: dir({}),
      cleared: dir({ a: whiteout, b: whiteout }),
      fresh: opaqueDir({}),
      fifo: special(sys.S_IFIFO, 0, { mode: 0o600 }),
    }),
  },
  lower1: {
    d: full({
      ...entriesOf(LOWER.lower1),
      gone: full({ g: text('g') }),
      fresh: full({ f: 'f' }),
    }),
  },
  lower2: {
    d: full({
      ...entriesOf(LOWER.lower2),
      file: text('lowest'),
      cleared: full({ a: text('a'), b: text('b') }),
    }),
  },
};
const LINKS: Layers = {
  lower1: {
    d: full({
      one: linked('linked', 'l', FACTS),
      two: linked('linked', 'l'),
      sub: full({ three: linked('linked', 'l') }),
    }),
  },
};
const BIG: Layers = { lower1: { d: full({ big: file(LARGE, FACTS), small: text() }) } };

const make = (path: string, flags = sys.O_CREAT | sys.O_EXCL | sys.O_WRONLY): void => sys.close(sys.open(path, flags));
const open = (path: string): number => sys.open(path, sys.O_RDWR);
const ALICE = <T>(body: () => T): T => sys.asUser(sys.ALICE, sys.STAFF, body);
const ACL = 'u::rwx user:1001:r-- g::r-x m::r-x o::---';

function operation(
  id: string,
  layers: Layers,
  run: FaultedOperation['run'],
  more: Partial<FaultedOperation> = {},
): FaultedOperation {
  return { id, layers, run, ...more };
}

const creating: FaultedOperation[] = [
  operation('create in a lower directory', LOWER, (at) => make(`${at}/d/new`)),
  operation('create in an upper directory', MIXED, (at) => make(`${at}/d/another`)),
  operation('create over a whiteout', MIXED, (at) => make(`${at}/d/gone`)),
  operation('create, two levels to copy up', LOWER, (at) => make(`${at}/d/sub/new`)),
  operation('create by another user', openTo(MIXED), (at) => ALICE(() => make(`${at}/d/another`))),
  operation('mkdir in a lower directory', LOWER, (at) => sys.mkdir(`${at}/d/new-dir`)),
  operation('mkdir in an upper directory', MIXED, (at) => sys.mkdir(`${at}/d/another`)),
  operation('mkdir over a whiteout', MIXED, (at) => sys.mkdir(`${at}/d/gone`)),
  operation('mkdir by another user with a default ACL', openTo(MIXED, ACL), (at) =>
    ALICE(() => sys.mkdir(`${at}/d/another`)),
  ),
  operation('mknod in a lower directory', LOWER, (at) => sys.mknod(`${at}/d/new`, sys.S_IFIFO | 0o600)),
  operation('mknod over a whiteout', MIXED, (at) => sys.mknod(`${at}/d/gone`, sys.S_IFCHR | 0o600, 0x103)),
  operation('symlink in a lower directory', LOWER, (at) => sys.symlink('target', `${at}/d/new`)),
  operation('symlink over a whiteout', MIXED, (at) => sys.symlink('target', `${at}/d/gone`)),
  operation('O_TMPFILE', MIXED, (at) => sys.close(sys.open(`${at}/d`, sys.O_TMPFILE | sys.O_RDWR))),
  operation('link of an O_TMPFILE', LOWER, (at, fd) => sys.linkTmpfile(fd, `${at}/d/new`), {
    prepare: (at) => sys.open(`${at}/d`, sys.O_TMPFILE | sys.O_RDWR),
  }),
  operation('link of a lower file', LOWER, (at) => sys.link(`${at}/d/file`, `${at}/d/new`)),
  operation('link of a lower file with links', LINKS, (at) => sys.link(`${at}/d/one`, `${at}/d/new`), {
    breaksLinks: true,
  }),
  operation('link of an upper file', MIXED, (at) => sys.link(`${at}/d/own`, `${at}/d/another`)),
  operation('link over a whiteout', MIXED, (at) => sys.link(`${at}/d/own`, `${at}/d/gone`)),
];

const removing: FaultedOperation[] = [
  operation('unlink of a lower file', LOWER, (at) => sys.unlink(`${at}/d/file`)),
  operation('unlink of an upper file', MIXED, (at) => sys.unlink(`${at}/d/own`)),
  operation('unlink of a copied-up file', MIXED, (at) => sys.unlink(`${at}/d/file`)),
  operation('unlink of an open upper file', MIXED, (at) => sys.unlink(`${at}/d/own`), {
    prepare: (at) => open(`${at}/d/own`),
  }),
  operation('unlink of a lower file with links', LINKS, (at) => sys.unlink(`${at}/d/one`), { breaksLinks: true }),
  operation('unlink of a copied-up file with links', LINKS, (at) => sys.unlink(`${at}/d/one`), {
    prepare: (at) => open(`${at}/d/one`),
    breaksLinks: true,
  }),
  operation('rmdir of a lower directory', LOWER, (at) => sys.rmdir(`${at}/d/empty`)),
  operation('rmdir of an upper directory', MIXED, (at) => sys.rmdir(`${at}/d/new`)),
  operation('rmdir of a cleared directory', MIXED, (at) => sys.rmdir(`${at}/d/cleared`)),
  operation('rmdir of an opaque directory', MIXED, (at) => sys.rmdir(`${at}/d/fresh`)),
];

const renaming: FaultedOperation[] = [
  operation('rename of a lower file', LOWER, (at) => sys.rename(`${at}/d/file`, `${at}/d/moved`)),
  operation('rename of a lower file into another directory', LOWER, (at) =>
    sys.rename(`${at}/d/file`, `${at}/d/sub/moved`),
  ),
  operation('rename of an upper file', MIXED, (at) => sys.rename(`${at}/d/own`, `${at}/d/moved`)),
  operation('rename of a copied-up file', MIXED, (at) => sys.rename(`${at}/d/file`, `${at}/d/moved`)),
  operation('rename of a lower file with links', LINKS, (at) => sys.rename(`${at}/d/one`, `${at}/d/moved`), {
    breaksLinks: true,
  }),
  operation('rename onto a whiteout', MIXED, (at) => sys.rename(`${at}/d/own`, `${at}/d/gone`)),
  operation('rename of a copied-up file onto a whiteout', MIXED, (at) => sys.rename(`${at}/d/file`, `${at}/d/gone`)),
  operation('rename over a lower file', MIXED, (at) => sys.rename(`${at}/d/own`, `${at}/d/sub/a`)),
  operation('rename over an upper file', MIXED, (at) => sys.rename(`${at}/d/own`, `${at}/d/other`)),
  operation('rename over a copied-up file', MIXED, (at) => sys.rename(`${at}/d/own`, `${at}/d/file`)),
  operation('rename of an upper directory', MIXED, (at) => sys.rename(`${at}/d/made`, `${at}/d/moved`), {
    marksDirectory: true,
  }),
  operation(
    'rename of an upper directory into a merged one',
    MIXED,
    (at) => sys.rename(`${at}/d/made`, `${at}/d/sub/moved`),
    { marksDirectory: true },
  ),
  operation('rename of an upper directory onto a whiteout', MIXED, (at) => sys.rename(`${at}/d/made`, `${at}/d/gone`), {
    marksDirectory: true,
  }),
  operation('rename over a cleared directory', MIXED, (at) => sys.rename(`${at}/d/made`, `${at}/d/cleared`), {
    marksDirectory: true,
  }),
  operation('rename over a lower directory', MIXED, (at) => sys.rename(`${at}/d/made`, `${at}/d/empty`), {
    marksDirectory: true,
  }),
  operation('exchange of lower files', LOWER, (at) => sys.rename(`${at}/d/file`, `${at}/d/deep`, sys.RENAME_EXCHANGE)),
  operation('exchange of a lower and an upper file', MIXED, (at) =>
    sys.rename(`${at}/d/sub/a`, `${at}/d/own`, sys.RENAME_EXCHANGE),
  ),
  operation(
    'exchange of a directory and a file',
    MIXED,
    (at) => sys.rename(`${at}/d/made`, `${at}/d/file`, sys.RENAME_EXCHANGE),
    { marksDirectory: true },
  ),
];

const attributes: FaultedOperation[] = [
  operation('chmod of a lower file', LOWER, (at) => sys.chmod(`${at}/d/file`, 0o600)),
  operation('chmod of an upper file', MIXED, (at) => sys.chmod(`${at}/d/own`, 0o600)),
  operation('chmod of a lower directory', LOWER, (at) => sys.chmod(`${at}/d/sub`, 0o700)),
  operation('chmod of a lower fifo', LOWER, (at) => sys.chmod(`${at}/d/fifo`, 0o644)),
  operation('chown of a lower file', LOWER, (at) => sys.chown(`${at}/d/file`, sys.BOB, sys.STAFF)),
  operation('chown of an upper file', MIXED, (at) => sys.chown(`${at}/d/own`, sys.BOB, sys.STAFF)),
  operation('chown of an upper file with set-id bits', MIXED, (at) => sys.chown(`${at}/d/own`, sys.BOB, sys.STAFF), {
    prepare: (at) => {
      sys.chmod(`${at}/d/own`, 0o6755);
      return -1;
    },
  }),
  operation('lchown of a lower symlink', LOWER, (at) => sys.lchown(`${at}/d/link`, sys.BOB, sys.STAFF)),
  operation('utimens of a lower file', LOWER, (at) => sys.utimens(`${at}/d/file`, sys.NOW, { sec: 5, nsec: 6 })),
  operation('utimens of a lower directory', LOWER, (at) => sys.utimens(`${at}/d/sub`, sys.NOW, { sec: 5, nsec: 6 })),
  operation('setxattr of a lower file', LOWER, (at) => sys.setxattr(`${at}/d/file`, 'user.new', 'v')),
  operation('setxattr of an upper directory', MIXED, (at) => sys.setxattr(`${at}/d/made`, 'user.new', 'v')),
  operation('removexattr of a lower file', LOWER, (at) => sys.removexattr(`${at}/d/file`, 'user.k')),
  operation('an ACL for a lower file', LOWER, (at) =>
    sys.setxattr(`${at}/d/file`, 'system.posix_acl_access', sys.acl(ACL)),
  ),
  operation('an ACL for an upper file', MIXED, (at) =>
    sys.setxattr(`${at}/d/own`, 'system.posix_acl_access', sys.acl(ACL)),
  ),
].map((one) => ({ ...one, returnsAttributes: true }));

/** Operations that open files and change their content. */
export const contentOperations: readonly FaultedOperation[] = [
  operation('truncate of a lower file', LOWER, (at) => sys.truncate(`${at}/d/file`, 3), { returnsAttributes: true }),
  operation('truncate of a lower file to more', LOWER, (at) => sys.truncate(`${at}/d/file`, 300), {
    returnsAttributes: true,
  }),
  operation('truncate of an upper file', MIXED, (at) => sys.truncate(`${at}/d/own`, 1), { returnsAttributes: true }),
  operation('truncate of a large lower file', BIG, (at) => sys.truncate(`${at}/d/big`, LARGE.length - 1), {
    returnsAttributes: true,
  }),
  operation('O_TRUNC of a lower file', LOWER, (at) => make(`${at}/d/file`, sys.O_WRONLY | sys.O_TRUNC)),
  // With passthrough, the kernel requests attributes after the server's reply.
  operation('O_TRUNC of an upper file', MIXED, (at) => make(`${at}/d/own`, sys.O_WRONLY | sys.O_TRUNC), {
    returnsAttributes: true,
  }),
  operation('open of a lower file for writing', LOWER, (at) => sys.close(open(`${at}/d/file`))),
  operation('open of a lower file for writing that is open', LOWER, (at) => sys.close(open(`${at}/d/file`)), {
    prepare: (at) => sys.open(`${at}/d/file`, sys.O_RDONLY),
  }),
  operation('open of a lower file with links for writing', LINKS, (at) => sys.close(open(`${at}/d/one`)), {
    breaksLinks: true,
  }),
  operation('open of a large lower file for writing', BIG, (at) => sys.close(open(`${at}/d/big`))),
  operation('write', MIXED, (_, fd) => void sys.pwrite(fd, 'written', 0), { prepare: (at) => open(`${at}/d/own`) }),
  operation(
    'write by another user to a set-id file',
    MIXED,
    (_, fd) => void ALICE(() => sys.pwrite(fd, 'written', 0)),
    {
      dropsSetId: true,
      prepare: (at) => {
        sys.chmod(`${at}/d/own`, 0o6755);
        return open(`${at}/d/own`);
      },
    },
  ),
  operation('write to a copied-up file with a reader', LOWER, (_, fd) => void sys.pwrite(fd, 'written', 0), {
    prepare: (at) => {
      const reader = sys.open(`${at}/d/file`, sys.O_RDONLY);
      const writer = open(`${at}/d/file`);
      sys.close(reader);
      return writer;
    },
  }),
  operation('fallocate', MIXED, (_, fd) => sys.fallocate(fd, 0, 0, 4096), { prepare: (at) => open(`${at}/d/own`) }),
  operation('copy_file_range', MIXED, copyOwn, { prepare: (at) => open(`${at}/d/other`) }),
  operation('fsync', MIXED, (_, fd) => sys.fsync(fd), { prepare: (at) => open(`${at}/d/own`) }),
];

function copyOwn(at: string, to: number): void {
  const from = sys.open(`${at}/d/own`, sys.O_RDONLY);
  try {
    sys.copyFileRange(from, 0, to, 0, 3);
  } finally {
    sys.close(from);
  }
}

/** Operations for which `redirect_dir=on` or `metacopy=on` takes another code path. */
export const featureOperations: readonly FaultedOperation[] = [
  operation('rename of a lower directory', LOWER, (at) => sys.rename(`${at}/d/sub`, `${at}/d/moved`), {
    marksDirectory: true,
  }),
  operation('rename of a merged directory', MIXED, (at) => sys.rename(`${at}/d/sub`, `${at}/d/made/moved`), {
    marksDirectory: true,
  }),
  operation('rename of a directory that has moved', LOWER, (at) => sys.rename(`${at}/d/moved`, `${at}/d/again`), {
    marksDirectory: true,
    prepare: (at) => {
      sys.rename(`${at}/d/sub`, `${at}/d/moved`);
      return -1;
    },
  }),
  operation(
    'exchange of lower directories',
    LOWER,
    (at) => sys.rename(`${at}/d/sub`, `${at}/d/empty`, sys.RENAME_EXCHANGE),
    {
      marksDirectory: true,
    },
  ),
  operation('rmdir of a moved directory', LOWER, (at) => sys.rmdir(`${at}/d/moved`), {
    prepare: (at) => {
      sys.rename(`${at}/d/empty`, `${at}/d/moved`);
      return -1;
    },
  }),
  ofMetacopy('open of a metacopy for writing', (at) => sys.close(open(`${at}/d/file`))),
  {
    ...ofMetacopy('O_TRUNC of a metacopy', (at) => make(`${at}/d/file`, sys.O_WRONLY | sys.O_TRUNC)),
    returnsAttributes: true,
  },
  { ...ofMetacopy('truncate of a metacopy', (at) => sys.truncate(`${at}/d/file`, 3)), returnsAttributes: true },
  {
    ...ofMetacopy('chown of a metacopy', (at) => sys.chown(`${at}/d/file`, sys.BOB, sys.STAFF)),
    returnsAttributes: true,
  },
  ofMetacopy('rename of a metacopy', (at) => sys.rename(`${at}/d/file`, `${at}/d/moved`)),
  ofMetacopy('link of a metacopy', (at) => sys.link(`${at}/d/file`, `${at}/d/new`)),
  ofMetacopy('unlink of a metacopy', (at) => sys.unlink(`${at}/d/file`)),
  operation('open of a large metacopy for writing', BIG, (at) => sys.close(open(`${at}/d/big`)), {
    prepare: (at) => {
      sys.chmod(`${at}/d/big`, 0o600);
      return -1;
    },
  }),
];

function ofMetacopy(id: string, run: FaultedOperation['run']): FaultedOperation {
  return operation(id, LOWER, run, {
    prepare: (at) => {
      sys.chmod(`${at}/d/file`, 0o600);
      return -1;
    },
  });
}

/** The layers with an upper directory that all users can write to. */
function openTo(layers: Layers, defaultAcl?: string): Layers {
  const entries = entriesOf(layers.upper);
  const xattrs = defaultAcl === undefined ? {} : { 'system.posix_acl_default': sys.acl(defaultAcl).toString('latin1') };
  return { ...layers, upper: { d: dir(entries, { mode: 0o777, xattrs }) } };
}

export const operations: readonly FaultedOperation[] = [
  ...creating,
  ...removing,
  ...renaming,
  ...attributes,
  ...contentOperations,
];
