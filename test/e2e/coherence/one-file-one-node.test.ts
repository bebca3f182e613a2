/**
 * A file has one inode in the kernel, whichever of its names it was opened by and whichever names are left.
 * Two inodes would have two page caches and two sets of locks, so that writes through one could overwrite
 * those through the other.
 */
import { existsSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../../harness/mounts.js';
import {
  type LayerDirs,
  makeLayerDirs,
  makeMemoryScratch,
  removeScratch,
  type WritableLayerDirs,
} from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const { DT_DIR, LOCK_EX, LOCK_NB, O_RDONLY, O_RDWR, O_TMPFILE } = sys;
const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const CONTENT = '0123456789';

/** A way to open a file in `at` and to leave it one name that is not the name it was opened by. */
interface Way {
  readonly id: string;
  /** Further names of the file, which exists before the mount as `a`. Absent: none. */
  readonly others?: readonly string[];
  leave(at: string): { readonly fd: number; readonly left: string };
}

/** Opens `a`, and calls `change` to remove all its names but one. */
function opened(at: string, left: string, change: (path: (name: string) => string) => void): ReturnType<Way['leave']> {
  const fd = sys.open(join(at, 'a'), O_RDWR);
  change((name) => join(at, name));
  return { fd, left };
}

const WAYS: readonly Way[] = [
  {
    id: 'unlink',
    leave: (at) =>
      opened(at, 'b', (path) => {
        sys.link(path('a'), path('b'));
        sys.unlink(path('a'));
      }),
  },
  {
    id: 'rename-over',
    leave: (at) =>
      opened(at, 'b', (path) => {
        sys.link(path('a'), path('b'));
        sys.writeFile(path('x'), 'another');
        sys.rename(path('x'), path('a'));
      }),
  },
  {
    id: 'rename-away',
    leave: (at) =>
      opened(at, 'd/c', (path) => {
        sys.link(path('a'), path('b'));
        sys.rename(path('b'), path('d/c'));
        sys.unlink(path('a'));
      }),
  },
  {
    id: 'other-directory',
    leave: (at) =>
      opened(at, 'e/b', (path) => {
        sys.mkdir(path('new'));
        sys.link(path('a'), path('new/b'));
        sys.unlink(path('a'));
        sys.rename(path('new'), path('e'));
      }),
  },
  {
    id: 'three-names',
    leave: (at) =>
      opened(at, 'd/c', (path) => {
        for (const name of ['b', 'd/c']) sys.link(path('a'), path(name));
        sys.unlink(path('b'));
        sys.unlink(path('a'));
      }),
  },
  {
    id: 'tmpfile',
    leave(at) {
      const fd = sys.open(join(at, 'd'), O_TMPFILE | O_RDWR);
      sys.pwrite(fd, CONTENT, 0);
      sys.linkTmpfile(fd, join(at, 'd/first'));
      sys.link(join(at, 'd/first'), join(at, 'b'));
      sys.unlink(join(at, 'd/first'));
      return { fd, left: 'b' };
    },
  },
  {
    id: 'found',
    others: ['b', 'd/c'],
    leave: (at) =>
      opened(at, 'd/c', (path) => {
        sys.unlink(path('b'));
        sys.unlink(path('a'));
      }),
  },
];

function list(path: string): sys.Dirent[] {
  const fd = sys.open(path, O_RDONLY);
  try {
    return sys.getdentsToEnd(fd);
  } finally {
    sys.close(fd);
  }
}

function listAll(at: string): void {
  for (const { name, type } of list(at)) if (type === DT_DIR && !name.startsWith('.')) list(join(at, name));
}

/** Events after which the kernel looks a name up again. */
const FORGETTING: readonly {
  readonly name: string;
  forget(mountpoint: string, directories: readonly string[]): void;
}[] = [
  { name: 'no other event', forget: () => undefined },
  { name: 'a listing with attributes', forget: (_, directories) => directories.forEach(listAll) },
  { name: 'a shortage of memory', forget: (mountpoint) => sys.forgetNames(mountpoint) },
];

interface Program {
  readonly name: string;
  /** True: lower files with several names stay one file after a copy-up. */
  readonly keepsLinks: boolean;
  mount(layers: LayerDirs): Mounted;
}

const program = (name: string, mount: Program['mount'], keepsLinks = false): Program => ({ name, mount, keepsLinks });
const plyfs = (options: string, keepsLinks = false): Program =>
  program(`plyfs with ${options}`, (layers) => mountPlyfs(layers, [options]), keepsLinks);

const PROGRAMS: readonly Program[] = [
  program("the kernel's overlayfs", (layers) => mountKernel(layers)),
  program("the kernel's overlayfs with index=on", (layers) => mountKernel(layers, ['index=on']), true),
  program('plyfs', (layers) => mountPlyfs(layers)),
  plyfs('passthrough=off'),
  plyfs('passthrough=off,timeout=0'),
  plyfs('passthrough=off,index=on', true),
  plyfs('passthrough=off,metacopy=on,redirect_dir=on'),
  plyfs('passthrough=off,xattr_permissions=2'),
  program('plyfs with aufs branches', (layers) => mountAufs(layers, ['passthrough=off']), true),
];

/** A way, applied to a file of the upper or of a lower layer. */
interface Case {
  readonly way: Way;
  readonly id: string;
  readonly isLower: boolean;
}

function casesOf(keepsLinks: boolean): Case[] {
  return WAYS.flatMap((way) => {
    const upper = { way, id: `${way.id}, upper`, isLower: false };
    return way.others === undefined || keepsLinks ? [upper, { way, id: `${way.id}, lower`, isLower: true }] : [upper];
  });
}

/** Makes the files in `root` that a way needs before the mount. */
function makeFiles(root: string, way: Way): void {
  sys.mkdir(root);
  sys.mkdir(join(root, 'd'));
  sys.writeFile(join(root, 'a'), CONTENT);
  for (const name of way.others ?? []) sys.link(join(root, 'a'), join(root, name));
}

/** Opens the file of `fd` again by the name that is left, and returns how both descriptors see it. */
function facts(fd: number, path: string): object {
  const other = sys.open(path, O_RDWR);
  try {
    const [one, two] = [sys.fstat(fd), sys.fstat(other)];
    sys.flock(fd, LOCK_EX | LOCK_NB);
    const lock = sys.outcome(() => sys.flock(other, LOCK_EX | LOCK_NB));
    const mapped = mapBoth(fd, other);
    sys.pwrite(other, '8!', 8);
    const read = sys.pread(fd, 20, 0).toString();
    return { isOne: one.ino === two.ino, counts: [one.nlink, two.nlink], lock, mapped, read };
  } finally {
    sys.close(other);
  }
}

/** Writes through a mapping of each descriptor, and returns the content of the first mapping. */
function mapBoth(...fds: readonly number[]): string {
  const mappings = fds.map((fd) => new sys.Mapping(fd, CONTENT.length, { writable: true }));
  mappings.forEach((mapping, i) => {
    mapping.write(4 * i, 'ABCD'.slice(2 * i, 2 * i + 2));
  });
  const shown = mappings[0]?.read(0, CONTENT.length) ?? '';
  for (const mapping of mappings) {
    mapping.sync();
    mapping.unmap();
  }
  return shown;
}

const EXPECTED = {
  ...{ isOne: true, counts: [1, 1], lock: 'EAGAIN', mapped: 'AB23CD6789', read: 'AB23CD678!' },
  stored: 'AB23CD678!',
};

/**
 * Runs the cases, each in the directory of its name below `root`.
 * @param disk the directory that has the files at the end
 */
function check(
  root: string,
  disk: string,
  cases: readonly Case[],
  forget: (directories: readonly string[]) => void,
): void {
  const at = (id: string): string => join(root, id);
  const held: { readonly id: string; readonly fd: number; readonly left: string }[] = [];
  const found: Record<string, object> = {};
  try {
    for (const { id, way } of cases) held.push({ id, ...way.leave(at(id)) });
    forget(cases.map(({ id }) => at(id)));
    for (const { id, fd, left } of held) found[id] = facts(fd, join(at(id), left));
  } finally {
    for (const { fd } of held) sys.close(fd);
  }
  for (const { id, left } of held) {
    // If the upper does not have the name, the copy of the file is elsewhere: read it through the union.
    const stored = join(existsSync(join(disk, id, left)) ? disk : root, id, left);
    found[id] = { ...found[id], stored: sys.readFile(stored) };
  }
  expect(found).toEqual(Object.fromEntries(cases.map(({ id }) => [id, EXPECTED])));
}

async function isListening(path: string): Promise<string> {
  return await new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve('ok');
    });
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? String(error)));
  });
}

async function checkSocket(root: string): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(join(root, 's'), resolve));
  try {
    sys.link(join(root, 's'), join(root, 't'));
    sys.rename(join(root, 't'), join(root, 'u'));
    sys.unlink(join(root, 's'));
    list(root);
    expect(await isListening(join(root, 'u'))).toBe('ok');
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

describe.skipIf(unavailable !== null)(`a file has one inode${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  beforeAll(() => {
    base = makeMemoryScratch('one-inode');
  });
  afterAll(() => removeScratch(base));

  describe('in a plain directory', () => {
    it('when only another name than the opened one is left', () => {
      const cases = casesOf(false);
      for (const { id, way } of cases) makeFiles(join(base, id), way);
      check(base, base, cases, () => undefined);
    });

    it('when it is a socket', async () => await checkSocket(base));
  });

  describe.each(PROGRAMS)('with $name', ({ mount, keepsLinks }) => {
    let scratch: string;
    let layers: WritableLayerDirs;
    let mounted: Mounted;
    const cases = casesOf(keepsLinks);
    beforeAll(() => {
      scratch = join(base, 'union');
      sys.mkdir(scratch);
      layers = makeLayerDirs(scratch);
      // xattr_permissions needs this attribute; other mounts ignore it.
      sys.setxattr(layers.upper, 'user.containers.override_stat', '0:0:0755:dir');
      for (const { name } of FORGETTING) {
        for (const layer of ['upper', 'lower1']) sys.mkdir(join(scratch, layer, name));
        for (const { id, way, isLower } of cases) makeFiles(join(scratch, isLower ? 'lower1' : 'upper', name, id), way);
      }
      mounted = mount(layers);
    });
    afterAll(() => {
      mounted?.unmount();
      removeScratch(scratch);
    });

    it.each(FORGETTING)('when only another name than the opened one is left, after $name', ({ name, forget }) => {
      const { mountpoint } = mounted;
      check(join(mountpoint, name), join(layers.upper, name), cases, (directories) => forget(mountpoint, directories));
    });

    it('when it is a socket', async () => await checkSocket(mounted.mountpoint));
  });
});
