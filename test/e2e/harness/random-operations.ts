/**
 * A random script of operations, determined by a seed. An operation is a value: it can be applied to any
 * tree, and printed.
 */
import type { Random } from '../../harness/random.js';
import * as sys from '../../harness/sys/index.js';
import { NAMES } from './random-layers.js';

export interface Operation {
  readonly kind: keyof typeof PERFORM;
  readonly path: string;
  readonly other: string;
  readonly number: number;
  readonly asAlice: boolean;
}

/** Files that a script keeps open. Even slots are open for reading and writing, odd ones for reading. */
export class HeldFiles {
  private readonly fds = new Map<number, number>();
  hold(slot: number, path: string): void {
    // The result of a fifo or a device would depend on its type, not on the layers.
    const { mode } = sys.stat(path);
    if (!sys.isRegular(mode)) return;
    const fd = sys.open(path, slot % 2 === 0 ? sys.O_RDWR : sys.O_RDONLY);
    const before = this.fds.get(slot);
    this.fds.set(slot, fd);
    if (before !== undefined) sys.close(before);
  }
  /** Returns null if the slot is empty. */
  use<T>(slot: number, body: (fd: number) => T): T | null {
    const fd = this.fds.get(slot);
    return fd === undefined ? null : body(fd);
  }
  close(): void {
    for (const fd of this.fds.values()) sys.close(fd);
    this.fds.clear();
  }
}

type Perform = (root: string, op: Operation, held: HeldFiles) => unknown;
const at = (root: string, path: string): string => `${root}/${path}`;

/** O_NONBLOCK: open(2) of a fifo without another end must not block. */
function withFd<T>(root: string, path: string, flags: number, body: (fd: number) => T): T {
  return sys.withFd(at(root, path), flags | sys.O_NONBLOCK, body, 0o666);
}

/** The operations by kind. The test compares what they return. */
const PERFORM = {
  write: (root, { path, number }) =>
    withFd(root, path, sys.O_CREAT | sys.O_WRONLY, (fd) => sys.pwrite(fd, `<${number}>`, number % 3000)),
  rewrite: (root, { path, number }) =>
    withFd(root, path, sys.O_CREAT | sys.O_WRONLY | sys.O_TRUNC, (fd) => sys.write(fd, `rewritten ${number}`)),
  append: (root, { path, number }) =>
    withFd(root, path, sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, `+${number}`)),
  exclusive: (root, { path, number }) =>
    sys.close(sys.open(at(root, path), sys.O_CREAT | sys.O_EXCL | sys.O_RDWR, number & 0o777)),
  truncate: (root, { path, number }) => sys.truncate(at(root, path), number),
  read: (root, { path }) => {
    // Not a fifo: a read of one without another end would block.
    const { mode, size } = sys.stat(at(root, path));
    return sys.isRegular(mode) ? [size, sys.readFile(at(root, path))] : mode & sys.S_IFMT;
  },
  stat: (root, { path }) => {
    const { mode, uid, gid, size, nlink } = sys.lstat(at(root, path));
    return sys.isDirectory(mode) ? [mode, uid, gid] : [mode, uid, gid, size, nlink];
  },
  list: (root, { path }) => {
    const fd = sys.open(at(root, path), sys.O_RDONLY | sys.O_DIRECTORY);
    try {
      return sys
        .getdentsToEnd(fd)
        .map(({ name, type }) => `${name}:${type}`)
        .sort();
    } finally {
      sys.close(fd);
    }
  },
  chmod: (root, { path, number }) => sys.chmod(at(root, path), number & 0o7777),
  chown: (root, { path, number }) => sys.lchown(at(root, path), number % 5, sys.KEEP),
  chgrp: (root, { path, number }) => sys.lchown(at(root, path), sys.KEEP, number % 2 === 0 ? sys.STAFF : number % 5),
  utimens: (root, { path, number }) =>
    sys.utimens(at(root, path), { sec: number, nsec: 1 }, { sec: number * 100, nsec: number }),
  setxattr: (root, { path, number }) => sys.setxattr(at(root, path), `user.x${number % 4}`, String(number), number % 3),
  removexattr: (root, { path, number }) => sys.removexattr(at(root, path), `user.x${number % 4}`),
  acl: (root, { path }) =>
    sys.setxattr(at(root, path), 'system.posix_acl_access', sys.acl(`u::rwx user:${sys.BOB}:r-- g::r-x m::r-x o::--x`)),
  mkdir: (root, { path, number }) => sys.mkdir(at(root, path), number & 0o777),
  rmdir: (root, { path }) => sys.rmdir(at(root, path)),
  unlink: (root, { path }) => sys.unlink(at(root, path)),
  symlink: (root, { path, other }) => sys.symlink(other, at(root, path)),
  readlink: (root, { path }) => sys.readlink(at(root, path)),
  mknod: (root, { path, number }) => sys.mknod(at(root, path), sys.S_IFIFO | (number & 0o777)),
  link: (root, { path, other }) => sys.link(at(root, path), at(root, other)),
  rename: (root, { path, other }) => sys.rename(at(root, path), at(root, other)),
  noreplace: (root, { path, other }) => sys.rename(at(root, path), at(root, other), sys.RENAME_NOREPLACE),
  exchange: (root, { path, other }) => sys.rename(at(root, path), at(root, other), sys.RENAME_EXCHANGE),
  removeTree: (root, { path }) => sys.removeTree(at(root, path)),
  hold: (root, { path, number }, held) => held.hold(number % 4, at(root, path)),
  readHeld: (_, { number }, held) =>
    held.use(number % 4, (fd) => {
      const { mode, uid, gid, size } = sys.fstat(fd);
      return [mode, uid, gid, size, sys.pread(fd, 10_000, 0).toString('latin1')];
    }),
  writeHeld: (_, { number }, held) => held.use(number % 4, (fd) => sys.pwrite(fd, `held ${number}`, number % 2000)),
  truncateHeld: (_, { number }, held) => held.use((number % 2) * 2, (fd) => sys.ftruncate(fd, number)),
  changeHeld: (_, { number }, held) =>
    held.use((number % 2) * 2, (fd) => {
      sys.fchmod(fd, number & 0o777);
      sys.fchown(fd, number % 3, sys.KEEP);
      sys.futimens(fd, sys.OMIT, { sec: number, nsec: 0 });
    }),
} satisfies Record<string, Perform>;

/** `hold` occurs more often, because most paths are not files. */
const KINDS = [...Object.keys(PERFORM), 'hold', 'hold', 'hold', 'hold'] as Operation['kind'][];

function randomPath(random: Random): string {
  const parts = Array.from({ length: 1 + random.int(3) }, () => random.pick(NAMES));
  return parts.join('/');
}

export function randomOperations(random: Random, count: number): Operation[] {
  return Array.from({ length: count }, () => ({
    kind: random.pick(KINDS),
    path: randomPath(random),
    other: randomPath(random),
    number: 1 + random.int(5000),
    asAlice: random.chance(20),
  }));
}

/** Applies one operation to the tree at `root`, and returns its errno or its result. */
export function apply(root: string, operation: Operation, held: HeldFiles): string {
  let returned: unknown;
  const perform = (): void => {
    returned = PERFORM[operation.kind](root, operation, held);
  };
  const outcome = sys.outcome(() => (operation.asAlice ? sys.asUser(sys.ALICE, sys.STAFF, perform) : perform()));
  return outcome === 'ok' ? `ok ${JSON.stringify(returned ?? null)}` : outcome;
}
