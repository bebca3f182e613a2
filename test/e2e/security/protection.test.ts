/**
 * Immutable and append-only objects: the operations that the kernel's overlayfs and plyfs allow on them, and
 * the marks that they store. Lower objects have real inode flags. Upper objects have an attribute, which each
 * program obeys also if the other has written it.
 */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inodeFlagsUnavailable } from '../../harness/inode-flags.js';
import {
  kernelOverlayUnavailable,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  unmount,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const { FS_APPEND_FL, FS_IMMUTABLE_FL, FS_NODUMP_FL, O_APPEND, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = sys;
const SHOWN = FS_APPEND_FL | FS_IMMUTABLE_FL | FS_NODUMP_FL;
const NOW = { sec: 0, nsec: 0x3fffffff };
const THEN = { sec: 1000, nsec: 0 };
const KEEP_SIZE = 1;
const PUNCH_HOLE = 2;

type Mount = (layers: WritableLayerDirs) => void;

/**
 * A change of the object at `at`. `side` is a free name beside it, `other` the name of a plain file beside
 * it.
 */
type Change = (at: string, names: { readonly side: string; readonly other: string }) => unknown;

const setFlags = (path: string, flags: number): void =>
  sys.withFd(path, O_RDONLY, (fd) => sys.setInodeFlags(fd, (sys.getInodeFlags(fd) & ~SHOWN) | flags));

const ON_FILES: Readonly<Record<string, Change>> = {
  read: (at) => readFileSync(at),
  'open for writing': (at) => sys.withFd(at, O_WRONLY, () => {}),
  'open for both': (at) => sys.withFd(at, O_RDWR, () => {}),
  append: (at) => sys.withFd(at, O_WRONLY | O_APPEND, (fd) => sys.write(fd, '+')),
  'append and read': (at) => sys.withFd(at, O_RDWR | O_APPEND, (fd) => sys.write(fd, '+')),
  'append, truncating': (at) => sys.withFd(at, O_WRONLY | O_APPEND | O_TRUNC, () => {}),
  'read, truncating': (at) => sys.withFd(at, O_RDONLY | O_TRUNC, () => {}),
  truncate: (at) => sys.truncate(at, 1),
  'truncate through an appending descriptor': (at) => sys.withFd(at, O_WRONLY | O_APPEND, (fd) => sys.ftruncate(fd, 1)),
  'allocate through an appending descriptor': (at) =>
    sys.withFd(at, O_WRONLY | O_APPEND, (fd) => sys.fallocate(fd, KEEP_SIZE, 0, 9999)),
  'punch a hole': (at) => sys.withFd(at, O_WRONLY | O_APPEND, (fd) => sys.fallocate(fd, KEEP_SIZE | PUNCH_HOLE, 0, 1)),
  chmod: (at) => sys.chmod(at, 0o600),
  chown: (at) => sys.chown(at, 5, 5),
  'set its times to now': (at) => sys.utimens(at, NOW, NOW),
  'set its times': (at) => sys.utimens(at, THEN, THEN),
  'set an attribute': (at) => sys.setxattr(at, 'user.new', '1'),
  'remove an attribute': (at) => sys.removexattr(at, 'user.old'),
  'set an ACL': (at) => sys.setxattr(at, 'system.posix_acl_access', sys.acl('u::rw- user:5:r-- g::r-- m::r-- o::r--')),
  unlink: (at) => sys.unlink(at),
  link: (at, { side }) => sys.link(at, side),
  rename: (at, { side }) => sys.rename(at, side),
  'rename it over another': (at, { other }) => sys.rename(at, other),
  'rename another over it': (at, { other }) => sys.rename(other, at),
  exchange: (at, { other }) => sys.rename(at, other, sys.RENAME_EXCHANGE),
  'clear its flags': (at) => setFlags(at, 0),
  'clear its flags and write': (at) => {
    setFlags(at, 0);
    sys.writeFile(at, 'written');
  },
  'add another flag': (at) =>
    sys.withFd(at, O_RDONLY, (fd) => sys.setInodeFlags(fd, sys.getInodeFlags(fd) | FS_NODUMP_FL)),
  'make it immutable': (at) => setFlags(at, FS_IMMUTABLE_FL),
  'make it append-only': (at) => setFlags(at, FS_APPEND_FL),
  'make it both, and link': (at, { side }) => {
    setFlags(at, FS_APPEND_FL | FS_IMMUTABLE_FL);
    sys.link(at, side);
  },
  'protect it while it is open': (at) =>
    sys.withFd(at, O_RDWR, (fd) => {
      setFlags(at, FS_IMMUTABLE_FL);
      return sys.write(fd, 'w');
    }),
};

const ON_DIRECTORIES: Readonly<Record<string, Change>> = {
  list: (at) => readdirSync(at),
  create: (at) => sys.writeFile(`${at}/new`, ''),
  mkdir: (at) => sys.mkdir(`${at}/new`),
  symlink: (at) => sys.symlink('x', `${at}/new`),
  mknod: (at) => sys.mknod(`${at}/new`, 0o010644),
  'create without a name': (at) => sys.withFd(at, sys.O_TMPFILE | O_RDWR, () => {}),
  'link into it': (at, { other }) => sys.link(other, `${at}/new`),
  'rename into it': (at, { other }) => sys.rename(other, `${at}/new`),
  'rename within it': (at) => sys.rename(`${at}/file`, `${at}/new`),
  'rename over an entry': (at, { other }) => sys.rename(other, `${at}/file`),
  'rename out of it': (at, { side }) => sys.rename(`${at}/file`, side),
  'unlink an entry': (at) => sys.unlink(`${at}/file`),
  'rmdir an entry': (at) => sys.rmdir(`${at}/sub`),
  'write an entry': (at) => sys.writeFile(`${at}/file`, 'new'),
  'chmod an entry': (at) => sys.chmod(`${at}/file`, 0o600),
  'create in a directory in it': (at) => sys.writeFile(`${at}/sub/new`, ''),
  chmod: (at) => sys.chmod(at, 0o700),
  'set its times': (at) => sys.utimens(at, THEN, THEN),
  'set an attribute': (at) => sys.setxattr(at, 'user.new', '1'),
  rename: (at, { side }) => sys.rename(at, side),
  rmdir: (at) => {
    for (const name of ['file', 'sub']) spawnSync('rm', ['-rf', `${at}/${name}`]);
    sys.rmdir(at);
  },
  'clear its flags and create': (at) => {
    setFlags(at, 0);
    sys.writeFile(`${at}/new`, '');
  },
  'make it append-only and create': (at) => {
    setFlags(at, FS_APPEND_FL);
    sys.writeFile(`${at}/new`, '');
  },
};

const KINDS = [
  { kind: 'lower immutable', below: true, flags: FS_IMMUTABLE_FL },
  { kind: 'lower append-only', below: true, flags: FS_APPEND_FL },
  { kind: 'immutable through the mount', below: false, flags: FS_IMMUTABLE_FL },
  { kind: 'append-only through the mount', below: false, flags: FS_APPEND_FL },
  { kind: 'marked in a lower layer, where marks do not count', below: true, flags: 0 },
  { kind: 'plain', below: true, flags: 0 },
] as const;

const CASES = KINDS.flatMap(({ kind, below, flags }) => [
  ...Object.entries(ON_FILES).map(([title, change]) => ({
    id: `${kind}: file: ${title}`,
    below,
    flags,
    change,
    isDir: false,
  })),
  ...Object.entries(ON_DIRECTORIES).map(([title, change]) => ({
    id: `${kind}: directory: ${title}`,
    below,
    flags,
    change,
    isDir: true,
  })),
]);

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable() ?? inodeFlagsUnavailable();

describe.skipIf(unavailable !== null)(`immutable and append-only objects ${unavailable ?? ''}`, () => {
  let bases: string[];
  beforeEach(() => {
    bases = [];
  });
  afterEach(() => {
    for (const base of bases) {
      unmount(join(base, 'merged'));
      removeScratch(base);
    }
  });

  /** Makes a directory for each case in the lower layer, with the object `it` and a plain file beside it. */
  function makeLayers(): WritableLayerDirs {
    const base = makeScratch('protection');
    bases.push(base);
    const layers = makeLayerDirs(base);
    const lower = layers.lowers[0] as string;
    CASES.forEach(({ id, isDir, below, flags }, i) => {
      const home = join(lower, `${i}`);
      mkdirSync(home);
      writeFileSync(join(home, 'other'), 'other');
      const at = join(home, 'it');
      if (isDir) {
        mkdirSync(join(at, 'sub'), { recursive: true });
        writeFileSync(join(at, 'file'), 'file');
      } else {
        writeFileSync(at, 'content');
        sys.setxattr(at, 'user.old', '1');
      }
      if (below && flags !== 0) setFlags(at, flags);
      if (id.startsWith('marked')) sys.setxattr(at, 'trusted.overlay.protattr', 'i');
    });
    return layers;
  }

  function mountKernel(layers: WritableLayerDirs): void {
    const options = overlayOptions(layers, ['uuid=null']);
    const done = spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, layers.mountpoint], {
      encoding: 'utf8',
    });
    expect(done).toMatchObject({ status: 0, stderr: '' });
  }

  const flagsOf = (path: string): number => sys.withFd(path, O_RDONLY, (fd) => sys.getInodeFlags(fd) & SHOWN);

  /** Returns the visible facts of a case's directory. */
  function shown(home: string): string[] {
    const names = readdirSync(home, { recursive: true }) as string[];
    return names.sort().map((name) => {
      const path = join(home, name);
      const stat = lstatSync(path);
      const type = stat.mode & 0o170000;
      const facts = [name, stat.mode.toString(8), stat.uid];
      if (type === 0o100000) facts.push(readFileSync(path, 'latin1'), stat.nlink);
      if (type === 0o100000 || type === 0o040000) facts.push(flagsOf(path));
      return facts.join(' ');
    });
  }

  /**
   * Returns the stored marks of protection in the upper: the attribute, and real flags, of which there should
   * be none.
   */
  function stored({ upper }: WritableLayerDirs): string[] {
    return (readdirSync(upper, { recursive: true }) as string[]).sort().flatMap((name) => {
      // For a file without a name, the kernel copies the directory up at once, and plyfs when the file gets a
      // name.
      if (CASES[Number.parseInt(name, 10)]?.id.includes('create without a name') === true) return [];
      const path = join(upper, name);
      const type = lstatSync(path).mode & 0o170000;
      if (type !== 0o100000 && type !== 0o040000) return [];
      const has = sys.listxattr(path).includes('trusted.overlay.protattr');
      const value = has ? sys.getxattr(path, 'trusted.overlay.protattr').toString() : '';
      const flags = flagsOf(path);
      return has || flags !== 0 ? [`${name} ${value} ${flags}`] : [];
    });
  }

  function protect({ mountpoint }: WritableLayerDirs): void {
    CASES.forEach(({ below, flags }, i) => {
      if (!below) setFlags(join(mountpoint, `${i}`, 'it'), flags);
    });
  }

  /** Returns the outcome of each case, and what is visible afterwards. */
  function run({ mountpoint }: WritableLayerDirs): Record<string, unknown> {
    return Object.fromEntries(
      CASES.map(({ id, change }, i) => {
        const home = join(mountpoint, `${i}`);
        const names = { side: join(home, 'side'), other: join(home, 'other') };
        const outcome = sys.outcome(() => change(join(home, 'it'), names));
        return [id, [outcome, ...shown(home)]];
      }),
    );
  }

  /** Protects objects with one program, mounts the other one, and returns the outcomes of each change. */
  function outcomes(protectedBy: Mount, changedBy: Mount): { shown: object; stored: string[] } {
    const layers = makeLayers();
    protectedBy(layers);
    protect(layers);
    unmount(layers.mountpoint);
    const marks = stored(layers);
    changedBy(layers);
    const shown = run(layers);
    unmount(layers.mountpoint);
    return { shown, stored: [...marks, 'and then', ...stored(layers)] };
  }

  it('allow the same changes as in the kernel and store the same, whichever program has protected them', () => {
    const wanted = outcomes(mountKernel, mountKernel);
    expect(outcomes(mountPlyfs, mountPlyfs)).toEqual(wanted);
    expect(outcomes(mountKernel, mountPlyfs)).toEqual(wanted);
    expect(outcomes(mountPlyfs, mountKernel)).toEqual(wanted);
  });

  it('keep or lose other flags in a copy as in the kernel', () => {
    const FS_SYNC_FL = 0x8;
    const FS_NOATIME_FL = 0x80;
    const flags = FS_SYNC_FL | FS_NOATIME_FL | FS_NODUMP_FL;
    const copies = (mountLayers: Mount): number[] => {
      const base = makeScratch('protection');
      bases.push(base);
      const layers = makeLayerDirs(base);
      const lower = layers.lowers[0] as string;
      mkdirSync(join(lower, 'd'));
      writeFileSync(join(lower, 'd/f'), 'content');
      for (const name of ['d', 'd/f'])
        sys.withFd(join(lower, name), O_RDONLY, (fd) => sys.setInodeFlags(fd, sys.getInodeFlags(fd) | flags));
      mountLayers(layers);
      sys.chmod(join(layers.mountpoint, 'd/f'), 0o600);
      unmount(layers.mountpoint);
      const stored = (name: string): number =>
        sys.withFd(join(layers.upper, name), O_RDONLY, (fd) => sys.getInodeFlags(fd) & flags);
      return ['d', 'd/f'].map(stored);
    };
    expect(copies(mountPlyfs)).toEqual(copies(mountKernel));
  });
});
