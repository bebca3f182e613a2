/**
 * The kernel caches attributes for as long as the server allows, and uses them for execve(2) and permission
 * checks. Therefore a change of an attribute that no reply carries must invalidate the cached one. The tests
 * read each attribute alone, because stat(2) requests all, and renews all if one is out of date.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Mounted, mountAufs, mountPlyfs, mountsUnavailable, TRANSPORT } from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();
const CONTENT = 'x'.repeat(10_000);
const PUNCH_HOLE = 3;

/** `fd` belongs to a stranger and is open for reading and writing; `source` is a file to copy from. */
type Change = (fd: number, path: string, source: number) => void;

/**
 * All ways in which a user who is not the owner changes the content of a file that all users can write to.
 */
const CHANGES: Readonly<Record<string, Change>> = {
  write: (fd) => sys.write(fd, 'X'),
  'write beyond the end': (fd) => sys.pwrite(fd, 'X', 20_000),
  'write with O_APPEND': (_, path) => sys.withFd(path, sys.O_WRONLY | sys.O_APPEND, (fd) => sys.write(fd, 'X')),
  'write with O_DIRECT': (_, path) =>
    sys.withFd(path, sys.O_WRONLY | sys.O_DIRECT, (fd) => sys.pwriteAligned(fd, 0x58, 4096, 0)),
  fallocate: (fd) => sys.fallocate(fd, 0, 0, 30_000),
  'fallocate of a hole': (fd) => sys.fallocate(fd, PUNCH_HOLE, 0, 4096),
  copy_file_range: (fd, _, source) => sys.copyFileRange(source, 0, fd, 0, 100),
  sendfile: (fd, _, source) => sys.sendfile(fd, source, 100),
  splice: (fd) => sys.spliceInto(fd, 'X'),
  truncate: (_, path) => sys.truncate(path, 5),
  ftruncate: (fd) => sys.ftruncate(fd, 5),
  'open with O_TRUNC': (_, path) => sys.withFd(path, sys.O_WRONLY | sys.O_TRUNC, () => undefined),
};

/** libfuse 2 has no fallocate(2) and keeps set-gid without group execute (docs/transports.md). */
const onLibfuse2 = TRANSPORT === 'fuse-native';
const changes = Object.entries(CHANGES).filter(([name]) => !onLibfuse2 || !name.startsWith('fallocate'));

function asStranger<T>(body: () => T): T {
  return sys.asUser(sys.ALICE, sys.STAFF, body);
}

/** The moment at which the set-id bits are set, and whether another process has the file open. */
const MOMENTS = ['before the open', 'before the open, beside a reader', 'after the open'] as const;

const TIMES_AND_BLOCKS = ['mtime', 'ctime', 'blocks'] as const;

const PLACES = ['upper', 'lower1'] as const;

describe.skipIf(unavailable !== null)(`cached attributes${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  describe.each([
    { name: 'as mounted by default', mount: (layers: LayerDirs) => mountPlyfs(layers) },
    { name: 'without passthrough', mount: (layers: LayerDirs) => mountPlyfs(layers, ['passthrough=off']) },
    { name: 'with redirects', mount: (layers: LayerDirs) => mountPlyfs(layers, ['redirect_dir=on']) },
    { name: 'aufs', mount: (layers: LayerDirs) => mountAufs(layers) },
    {
      name: 'with xattr_permissions',
      mount: (layers: LayerDirs) => {
        sys.setxattr(layers.upper as string, 'user.containers.override_stat', '0:0:0755:dir');
        return mountPlyfs(layers, ['xattr_permissions=2']);
      },
    },
  ])('$name', ({ mount }) => {
    let base: string;
    let mounted: Mounted;
    let last = 0;
    beforeAll(() => {
      base = makeScratch('cached-attributes');
      mounted = mount(makeLayerDirs(base));
    });
    afterAll(() => {
      mounted?.unmount();
      removeScratch(base);
    });

    /** Makes a file in one of the layers that all users can write to, and returns its path in the union. */
    function make(place: (typeof PLACES)[number], mode: number, from?: string): string {
      const name = `f${last++}`;
      const real = join(base, place, name);
      if (from === undefined) sys.writeFile(real, CONTENT);
      else copyFileSync(from, real);
      sys.chmod(real, mode);
      return join(mounted.mountpoint, name);
    }

    /**
     * Returns the mode that the kernel has cached after `change`. All files of a moment are treated alike.
     */
    function modeAfter(change: Change, place: (typeof PLACES)[number], moment: (typeof MOMENTS)[number]): number {
      const path = make(place, moment === 'after the open' ? 0o777 : 0o6777);
      const source = sys.open(make(place, 0o644), sys.O_RDONLY);
      const reader = moment === 'before the open, beside a reader' ? sys.open(path, sys.O_RDONLY) : -1;
      const fd = asStranger(() => sys.open(path, sys.O_RDWR));
      try {
        if (moment === 'after the open') sys.chmod(path, 0o6777);
        expect(sys.lstat(path).mode & 0o7777).toBe(0o6777);
        asStranger(() => change(fd, path, source));
        return sys.statOne(path, 'mode') & 0o7777;
      } finally {
        for (const open of [fd, source, reader]) if (open >= 0) sys.close(open);
      }
    }

    it.each(changes)('lose set-id bits when a stranger changes the file by %s', (_, change) => {
      const cases = PLACES.flatMap((place) => MOMENTS.map((moment) => ({ place, moment })));
      const seen = cases.map(
        ({ place, moment }) => `${place}, set ${moment}: ${modeAfter(change, place, moment).toString(8)}`,
      );
      expect(seen).toEqual(cases.map(({ place, moment }) => `${place}, set ${moment}: 777`));
    });

    it.skipIf(onLibfuse2).each(PLACES)('have the new access time of the source of copy_file_range, %s', (place) => {
      const path = make(place, 0o644);
      sys.utimens(path, { sec: 1000, nsec: 1 }, { sec: 1000, nsec: 1 });
      const source = sys.open(path, sys.O_RDONLY);
      const target = sys.open(make('upper', 0o644), sys.O_WRONLY);
      try {
        sys.lstat(path);
        sys.copyFileRange(source, 0, target, 0, 100);
        expect(sys.statOne(path, 'atime')).toEqual(sys.statForceSync(path).atime);
      } finally {
        sys.close(source);
        sys.close(target);
      }
    });

    it('count a block that extended attributes use or free at once', () => {
      const path = make('upper', 0o644);
      const before = sys.lstat(path).blocks;
      const seen = [
        () => sys.setxattr(path, 'user.large', 'x'.repeat(2000)),
        () => sys.removexattr(path, 'user.large'),
      ].map((change) => {
        change();
        return [sys.statOne(path, 'blocks'), sys.statForceSync(path).blocks];
      });
      const most = seen[0]?.[1] as number;
      expect(most).toBeGreaterThan(before);
      expect(seen).toEqual([most, before].map((right) => [right, right]));
    });

    it('count a block that a redirect uses at once', () => {
      const [from, to] = [`d${'x'.repeat(200)}`, 'moved'].map((name) => `${name}${last++}`) as [string, string];
      sys.mkdir(join(base, 'lower1', from));
      const [old, moved] = [from, to].map((name) => join(mounted.mountpoint, name)) as [string, string];
      sys.chmod(old, 0o700);
      sys.lstat(old);
      // Without redirects, a directory of a lower layer cannot be renamed (EXDEV).
      const at = sys.outcome(() => sys.rename(old, moved)) === 'ok' ? moved : old;
      expect(sys.statOne(at, 'blocks')).toBe(sys.statForceSync(at).blocks);
    });

    it.each(PLACES)('have the times and blocks of a mapping whose descriptor is closed, %s', (place) => {
      const seen = TIMES_AND_BLOCKS.map((attribute) => {
        const path = make(place, 0o644);
        sys.truncate(path, 0);
        sys.truncate(path, 8192);
        sys.utimens(path, { sec: 1000, nsec: 1 }, { sec: 1000, nsec: 1 });
        const fd = sys.open(path, sys.O_RDWR);
        const mapping = new sys.Mapping(fd, 8192, { writable: true });
        sys.close(fd);
        try {
          // The kernel requests and caches them after RELEASE, also repeatedly.
          for (let i = 0; i < 3; i++) sys.lstat(path);
          mapping.write(0, 'M');
          mapping.sync();
          return [attribute, sys.statOne(path, attribute), sys.statForceSync(path)[attribute]];
        } finally {
          mapping.unmap();
        }
      });
      expect(seen).toEqual(seen.map(([attribute, , afresh]) => [attribute, afresh, afresh]));
    });

    it.skipIf(onLibfuse2).each(PLACES)(
      'lose set-gid without group execute, %s, set while the file is open, when a stranger writes',
      (place) => {
        const path = make(place, 0o666);
        const fd = asStranger(() => sys.open(path, sys.O_RDWR));
        try {
          sys.chmod(path, 0o2666);
          asStranger(() => sys.write(fd, 'X'));
          expect(sys.statOne(path, 'mode') & 0o7777).toBe(0o666);
        } finally {
          sys.close(fd);
        }
      },
    );

    it.each(PLACES)(
      'let a set-user-ID program, %s, that a stranger has written to run with the ids of its caller',
      (place) => {
        const path = make(place, 0o6777, '/usr/bin/id');
        const start = (): string =>
          spawnSync('setpriv', ['--reuid=61001', '--regid=62001', '--clear-groups', path, '-u'], { encoding: 'utf8' })
            .stdout;
        expect(start()).toBe('0\n');
        asStranger(() => sys.withFd(path, sys.O_WRONLY, (fd) => sys.write(fd, '\x7f')));
        expect(start()).toBe('61001\n');
      },
    );
  });
});
