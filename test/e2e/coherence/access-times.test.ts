/**
 * Reads update access times in the same cases on a plain directory, on the kernel's overlayfs and on plyfs,
 * with each option of mount(8).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  isMounted,
  kernelOverlayUnavailable,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  TRANSPORT,
  waitFor,
} from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

/** libfuse 2 does not pass a reader's flags on, and caches listings itself. */
const unavailable = mountsUnavailable() ?? (TRANSPORT === 'fuse-native' ? 'only for the default transport' : null);

const OLD = { sec: 1_000_000_000, nsec: 0 };
/** A time after every change that the test makes. */
const FUTURE = { sec: 4_000_000_000, nsec: 0 };

type Mode = 'relatime' | 'strictatime' | 'noatime' | 'nodiratime';

/**
 * An operation on a file `f` or a directory `d` of the upper, and the options with which it moves the access
 * time.
 */
interface Case {
  readonly what: string;
  readonly object: 'f' | 'd';
  readonly before: sys.Time;
  readonly act: (path: string) => void;
  readonly moves: Readonly<Record<Mode, boolean>>;
}

const read = (path: string): string => readFileSync(path, 'latin1');
const list = (path: string): string[] => readdirSync(path);

function withNoatime(flags: number, use: (fd: number) => unknown): (path: string) => void {
  return (path) => {
    const fd = sys.open(path, flags | sys.O_NOATIME);
    try {
      use(fd);
    } finally {
      sys.close(fd);
    }
  };
}

const EACH = { relatime: true, strictatime: true, noatime: false, nodiratime: true };
const STRICT = { relatime: false, strictatime: true, noatime: false, nodiratime: false };
const NEVER = { relatime: false, strictatime: false, noatime: false, nodiratime: false };

const CASES: readonly Case[] = [
  // This case is the first, because the directory must not have been listed before it.
  {
    what: 'a rename over a non-empty directory',
    object: 'd',
    before: OLD,
    act: (path) => {
      sys.mkdir(`${path}-empty`);
      expect(sys.outcome(() => sys.rename(`${path}-empty`, path))).toBe('ENOTEMPTY');
      sys.rmdir(`${path}-empty`);
    },
    moves: NEVER,
  },
  { what: 'a read of a file that has changed since', object: 'f', before: OLD, act: read, moves: EACH },
  { what: 'a read of a file that has not changed since', object: 'f', before: FUTURE, act: read, moves: STRICT },
  {
    what: 'a read with O_NOATIME',
    object: 'f',
    before: OLD,
    act: withNoatime(sys.O_RDONLY, (fd) => sys.pread(fd, 4, 0)),
    moves: NEVER,
  },
  {
    what: 'a listing of a directory that has changed since',
    object: 'd',
    before: OLD,
    act: list,
    moves: { ...EACH, nodiratime: false },
  },
  {
    what: 'a listing of a directory that has not changed since',
    object: 'd',
    before: FUTURE,
    act: list,
    moves: STRICT,
  },
  {
    what: 'a listing with O_NOATIME',
    object: 'd',
    before: OLD,
    act: withNoatime(sys.O_RDONLY | sys.O_DIRECTORY, (fd) => sys.getdentsToEnd(fd)),
    moves: NEVER,
  },
];

interface Target {
  readonly name: string;
  readonly unavailable: string | null;
  mount(layers: LayerDirs, mode: Mode): string;
}

const plyfs = (name: string, ...options: string[]): Target => ({
  name,
  unavailable: null,
  mount: (layers, mode) => mountPlyfs(layers, [mode, ...options]).mountpoint,
});

const TARGETS: readonly Target[] = [
  {
    name: 'a plain directory',
    unavailable: null,
    mount: ({ upper, mountpoint }, mode) => {
      spawnSync('mount', ['--bind', upper as string, mountpoint]);
      spawnSync('mount', ['-o', `remount,bind,${mode}`, mountpoint]);
      return mountpoint;
    },
  },
  {
    name: "the kernel's overlayfs",
    unavailable: kernelOverlayUnavailable(),
    mount: (layers, mode) => {
      const { mountpoint } = mountKernel(layers);
      spawnSync('mount', ['-o', `remount,bind,${mode}`, mountpoint]);
      return mountpoint;
    },
  },
  plyfs('plyfs'),
  plyfs('plyfs with passthrough=off', 'passthrough=off'),
  plyfs('plyfs that keeps nothing in the kernel', 'passthrough=off', 'timeout=0'),
  {
    name: 'plyfs with aufs branches',
    unavailable: null,
    mount: (layers, mode) => mountAufs(layers, [mode]).mountpoint,
  },
];

describe.skipIf(unavailable !== null)(`access times${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  describe.each(TARGETS)('on $name', (target) => {
    describe.skipIf(target.unavailable !== null).each(['relatime', 'strictatime', 'noatime', 'nodiratime'] as const)(
      'with %s',
      (mode) => {
        let base: string;
        let layers: LayerDirs;
        let merged: string;

        beforeAll(() => {
          base = makeScratch('access-times');
          layers = makeLayerDirs(base);
          for (const layer of [layers.upper as string, layers.lowers[0] as string]) mkdirSync(join(layer, 'd'));
          writeFileSync(join(layers.upper as string, 'f'), 'upper\n');
          writeFileSync(join(layers.upper as string, 'd', 'entry'), '');
          mkdirSync(join(layers.lowers[0] as string, 'low'));
          writeFileSync(join(layers.lowers[0] as string, 'low', 'file'), 'lower\n');
          merged = target.mount(layers, mode);
        });
        afterAll(() => {
          for (const path of [layers.mountpoint]) if (isMounted(path)) spawnSync('umount', ['-l', path]);
          removeScratch(base);
        });

        const atime = (path: string): sys.Time => sys.statOne(path, 'atime');

        it.each(CASES)("move in the kernel's cases with $what", ({ object, before, act, moves }) => {
          const path = join(merged, object);
          // The second round tests attributes that the kernel has cached in the first one.
          for (const round of [1, 2]) {
            sys.utimens(path, before, OLD);
            expect(atime(path)).toEqual(before);
            act(path);
            const isMoved = [atime(path), sys.statForceSync(path).atime].map(({ sec }) => sec !== before.sec);
            expect([round, ...isMoved]).toEqual([round, moves[mode], moves[mode]]);
          }
        });

        it('move with a listing that has a new name', async () => {
          const path = join(merged, 'd');
          list(path);
          const before = atime(path);
          let names = 0;
          const addAndList = (): void => {
            writeFileSync(join(path, `new-${names++}`), '');
            list(path);
          };
          addAndList();
          // File times advance with the kernel's clock tick.
          if (mode === 'relatime' || mode === 'strictatime') {
            await waitFor(() => {
              addAndList();
              return atime(path).sec !== before.sec || atime(path).nsec !== before.nsec;
            }, 'a new access time');
          } else expect(atime(path)).toEqual(before);
        });

        it.skipIf(target.name === 'a plain directory')('of lower files and directories never move', () => {
          for (const path of ['low/file', 'low']) {
            const lower = join(layers.lowers[0] as string, path);
            sys.utimens(lower, OLD, { ...OLD, nsec: 1 });
            if (path === 'low') list(join(merged, path));
            else read(join(merged, path));
            expect([sys.stat(lower).atime, atime(join(merged, path))]).toEqual([OLD, OLD]);
          }
        });
      },
    );
  });
});
