/**
 * Layers that another process changes below a mount: an object becomes another one between two calls. This is
 * not supported, and must neither lead out of the layers nor stop the server.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mounted, mountAufs, mountPlyfs, mountsUnavailable } from '../../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../../harness/scratch.js';
import * as sys from '../../../harness/sys/index.js';
import { withDeadline } from '../../harness/deadline.js';
import { DIALECTS, type TestedDialect } from '../../harness/dialects.js';
import { contentsBelow } from './contents.js';
import { Outside, SECRET } from './outside.js';

const unavailable = mountsUnavailable();

/** The objects that replace an object. */
const REPLACEMENTS = {
  nothing: () => {},
  symlink: (path, outside, kind) => sys.symlink(kind === 'file' ? outside.file : outside.directory, path),
  fifo: (path) => sys.mknod(path, sys.S_IFIFO | 0o666),
  device: (path) => sys.mknod(path, sys.S_IFCHR | 0o666, 1 * 256 + 5),
  otherKind: (path, _, kind) => (kind === 'file' ? sys.mkdir(path) : sys.writeFile(path, 'a file')),
  another: (path, _, kind) => (kind === 'file' ? sys.writeFile(path, 'another') : sys.mkdir(path)),
} satisfies Record<string, (path: string, outside: Outside, kind: Attempt['kind']) => void>;
type Replacement = keyof typeof REPLACEMENTS;

type Operation = (path: string) => unknown;
/** The replacement can be a fifo or a device, whose open must not block the test. */
const withFd = (path: string, flags: number, body: (fd: number) => unknown): unknown =>
  sys.withFd(path, flags | sys.O_NONBLOCK, body);

const readSome: Operation = (path) => withFd(path, sys.O_RDONLY, (fd) => sys.read(fd, 100).toString('latin1'));

const FILE_OPERATIONS = {
  stat: (path) => sys.lstat(path),
  read: readSome,
  append: (path) => withFd(path, sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, 'more')),
  empty: (path) => withFd(path, sys.O_WRONLY | sys.O_TRUNC, () => {}),
  truncate: (path) => sys.truncate(path, 2),
  chmod: (path) => sys.chmod(path, 0o4777),
  chown: (path) => sys.lchown(path, sys.ALICE, sys.ALICE),
  utimens: (path) => sys.utimens(path, { sec: 7, nsec: 7 }, { sec: 8, nsec: 8 }),
  setxattr: (path) => sys.setxattr(path, 'trusted.mark', 'x'),
  getxattr: (path) => sys.getxattr(path, 'trusted.mark'),
  listxattr: (path) => sys.listxattr(path),
  setflags: (path) =>
    withFd(path, sys.O_RDONLY, (fd) => sys.setInodeFlags(fd, sys.getInodeFlags(fd) | sys.FS_NODUMP_FL)),
  link: (path) => sys.link(path, `${path}.linked`),
  rename: (path) => sys.rename(path, `${path}.renamed`),
  exchange: (path) => sys.rename(path, `${path}.other`, sys.RENAME_EXCHANGE),
  replace: (path) => sys.rename(`${path}.other`, path),
  unlink: (path) => sys.unlink(path),
} satisfies Record<string, Operation>;

const DIRECTORY_OPERATIONS = {
  stat: (path) => sys.lstat(path),
  list: (path) =>
    withFd(path, sys.O_RDONLY | sys.O_DIRECTORY, (fd) =>
      sys
        .getdentsToEnd(fd)
        .map(({ name }) => name)
        .join(),
    ),
  known: (path) => readSome(`${path}/inside`),
  unknown: (path) => readSome(`${path}/secret`),
  deep: (path) => readSome(`${path}/sub/deep`),
  create: (path) => sys.writeFile(`${path}/new`, 'new'),
  mkdir: (path) => sys.mkdir(`${path}/made`),
  symlinkIn: (path) => sys.symlink('x', `${path}/made`),
  mknodIn: (path) => sys.mknod(`${path}/made`, sys.S_IFIFO | 0o600),
  append: (path) => withFd(`${path}/inside`, sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, 'more')),
  remove: (path) => sys.unlink(`${path}/inside`),
  removeDirectory: (path) => sys.rmdir(`${path}/empty`),
  linkIn: (path) => sys.link(`${path}.other`, `${path}/linked`),
  moveIn: (path) => sys.rename(`${path}.other`, `${path}/moved`),
  moveOut: (path) => sys.rename(`${path}/inside`, `${path}.moved`),
  chmod: (path) => sys.chmod(path, 0o777),
  chown: (path) => sys.lchown(path, sys.ALICE, sys.ALICE),
  utimens: (path) => sys.utimens(path, { sec: 7, nsec: 7 }, { sec: 8, nsec: 8 }),
  setxattr: (path) => sys.setxattr(path, 'trusted.mark', 'x'),
  listxattr: (path) => sys.listxattr(path),
  rename: (path) => sys.rename(path, `${path}.renamed`),
  rmdir: (path) => sys.rmdir(path),
} satisfies Record<string, Operation>;

/** The ways in which the union has used the object before it is replaced. */
const PRIOR_USES = {
  found: (): number[] => [],
  opened: (path: string): number[] => [sys.open(path, sys.O_RDONLY)],
} as const;

interface Attempt {
  readonly name: string;
  readonly layer: 'lower1' | 'upper';
  readonly kind: 'file' | 'directory';
  readonly priorUse: keyof typeof PRIOR_USES;
  readonly replacement: Replacement;
  readonly operation: Operation;
}

function attempts(): Attempt[] {
  const all: Attempt[] = [];
  const kinds = [
    ['file', FILE_OPERATIONS],
    ['directory', DIRECTORY_OPERATIONS],
  ] as const;
  for (const layer of ['lower1', 'upper'] as const)
    for (const [kind, operations] of kinds)
      for (const priorUse of ['found', 'opened'] as const)
        for (const replacement of Object.keys(REPLACEMENTS) as Replacement[])
          for (const [word, operation] of Object.entries(operations))
            all.push({
              name: `${layer}-${kind}-${priorUse}-${replacement}-${word}`,
              layer,
              kind,
              priorUse,
              replacement,
              operation,
            });
  return all;
}

/**
 * Results that are correct for the object before or after the replacement, or that report an inconsistency.
 */
const ANSWERS = new Set([
  ...['ok', 'ESTALE', 'ENOENT', 'EIO'],
  ...['EISDIR', 'ENOTDIR', 'EXDEV', 'ENOTEMPTY', 'EPERM'], // directories
  ...['EINVAL', 'ENXIO', 'ENOTTY', 'EACCES'], // fifos; devices, which nobody can open in a lower layer
  'EOPNOTSUPP', // the mode of a symlink
  'ENODATA',
]);

function make(root: string, { name, kind }: Attempt): void {
  const path = join(root, name);
  sys.writeFile(`${path}.other`, 'other');
  if (kind === 'file') {
    sys.writeFile(path, 'as it was');
    return;
  }
  sys.mkdir(path);
  sys.writeFile(join(path, 'inside'), 'inside');
  sys.mkdir(join(path, 'empty'));
  sys.mkdir(join(path, 'sub'));
  sys.writeFile(join(path, 'sub', 'deep'), 'deep');
}

function useBefore(root: string, { name, kind, priorUse }: Attempt): number[] {
  const path = join(root, name);
  sys.lstat(path);
  sys.lstat(`${path}.other`);
  if (kind === 'directory') for (const below of ['inside', 'empty', 'sub', 'sub/deep']) sys.lstat(join(path, below));
  return PRIOR_USES[priorUse](path);
}

describe.skipIf(unavailable !== null)(
  `layers that change under the mount${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    describe.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))(
      '%s',
      (_name, dialect: TestedDialect) => {
        const all = attempts();
        const outcomes = new Map<string, string>();
        let base: string;
        let layers: WritableLayerDirs;
        let mounted: Mounted;
        let outside: Outside;
        let before: unknown;
        let leaked: string[];
        beforeAll(() => {
          base = makeScratch('changing');
          layers = makeLayerDirs(base);
          outside = new Outside(base);
          for (const attempt of all) make(join(base, attempt.layer), attempt);
          // These tests do not need fsync.
          mounted = dialect.name === 'aufs' ? mountAufs(layers, ['volatile']) : mountPlyfs(layers, ['volatile']);
          const fds = all.flatMap((attempt) => useBefore(mounted.mountpoint, attempt));
          for (const { name, layer, kind, replacement } of all) {
            const path = join(base, layer, name);
            sys.rename(path, join(base, `away-${name}`));
            REPLACEMENTS[replacement](path, outside, kind);
          }
          before = outside.facts();
          leaked = [];
          const attempt = ({ name, operation }: Attempt): void => {
            const outcome = sys.outcome(() => {
              const result = operation(`/${name}`);
              if (typeof result === 'string' && result.includes(SECRET)) leaked.push(name);
            });
            outcomes.set(name, outcome);
          };
          // The test follows symlinks only below the mountpoint, as the server must.
          const { mountpoint } = mounted;
          withDeadline(mountpoint, 60, () => sys.insideRoot(mountpoint, () => all.forEach(attempt)));
          for (const fd of fds) sys.close(fd);
        });
        afterAll(() => {
          mounted?.unmount();
          removeScratch(base);
        });

        it('do not lead out of the layers', () => {
          expect(outside.facts()).toEqual(before);
          expect(leaked).toEqual([]);
          for (const layer of ['upper', 'work', 'lower1']) {
            expect(contentsBelow(join(base, layer)).filter(([, content]) => content.includes(SECRET))).toEqual([]);
          }
        });

        it('get an answer for each call', () => {
          const odd = [...outcomes].filter(([, outcome]) => !ANSWERS.has(outcome));
          expect(Object.fromEntries(odd)).toEqual({});
        });

        it('leave a mount that works', () => {
          sys.writeFile(join(mounted.mountpoint, 'after'), 'fine');
          expect(sys.readFile(join(mounted.mountpoint, 'after'))).toBe('fine');
        });
      },
    );
  },
);
