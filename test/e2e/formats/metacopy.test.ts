/**
 * metacopy=on beside the kernel: the same calls leave the same marks in the upper, each program shows the
 * layers that the other has written, and the data is copied when it is needed, also after a failure.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  unmount,
  unmountLayers,
  waitFor,
} from '../../harness/mounts.js';
import { mountWithOwnServer } from '../../harness/own-server.js';
import {
  type LayerDirs,
  makeLayerDirs,
  makeScratch,
  removeScratch,
  type WritableLayerDirs,
} from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';
import { fillLarge, sameContent, startCopyUp } from '../harness/large-file.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const METACOPY = 'trusted.overlay.metacopy';
const REDIRECT = 'trusted.overlay.redirect';
const MEBI = 1 << 20;

const onKernel = (layers: LayerDirs, extra: readonly string[] = []): Mounted =>
  mountKernel(layers, ['metacopy=on', 'index=off', 'xino=off', ...extra]);
const onPlyfs = (layers: LayerDirs, extra: readonly string[] = []): Mounted =>
  mountPlyfs(layers, ['metacopy=on', ...extra]);

/** Lists the objects of the upper: mode, size of files and whether they have data, and private xattrs. */
function marks(upper: string): string[] {
  const list = spawnSync('find', [upper, '-printf', '%P\\n'], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
  return list.sort().map((path) => {
    const at = join(upper, path);
    const { size, mode, blocks } = sys.lstat(at);
    const facts = [path, mode.toString(8)];
    // A file without data can have a block for its xattrs, so a small file does not show whether it has data.
    if (sys.isRegular(mode)) facts.push(`size=${size}`, size > 10_000 && blocks * 512 >= size ? 'data' : 'no data');
    for (const name of sys.listxattr(at).sort()) {
      // The lower files of the two sides have different inodes.
      if (name === 'trusted.overlay.origin') facts.push('origin');
      else if (name.startsWith('trusted.')) facts.push(`${name}=${sys.getxattr(at, name).toString('latin1')}`);
    }
    return facts.join(' ');
  });
}

function makeMetacopy(path: string, size: number, redirect?: string): void {
  sys.writeFile(path, '');
  sys.truncate(path, size);
  sys.setxattr(path, METACOPY, '');
  if (redirect !== undefined) sys.setxattr(path, REDIRECT, redirect);
}

describe.skipIf(unavailable !== null)(`metacopy=on${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  beforeEach(() => {
    base = makeScratch('metacopy');
    layers = makeLayerDirs(base);
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    removeScratch(base);
  });

  describe('beside the kernel', () => {
    const NAMES = (
      'mode owner times xattr no-xattr acl renamed moved moved-twice linked replaced empty written cut emptied ' +
      'allocated flags one two exchanged swapped unlinked mapped capable lower-metacopy lower-redirected'
    ).split(' ');

    function fill(of: LayerDirs): void {
      const [top, middle, bottom] = of.lowers as [string, string, string];
      for (const lower of [top, middle, bottom]) for (const dir of ['d', 'e']) sys.mkdir(join(lower, dir));
      for (const name of NAMES) {
        const at = join(bottom, 'd', name);
        sys.writeFile(at, name === 'empty' ? '' : `${name} `.repeat(8000));
        sys.setxattr(at, 'user.old', 'value');
        sys.utimens(at, { sec: 1000, nsec: 1 }, { sec: 2000, nsec: 2 });
      }
      sys.unlink(join(bottom, 'd', 'two'));
      sys.link(join(bottom, 'd', 'one'), join(bottom, 'd', 'two'));
      makeMetacopy(join(middle, 'd', 'lower-metacopy'), 120_000);
      makeMetacopy(join(top, 'd', 'lower-redirected'), 40_000, '/d/mode');
    }

    /** Makes every change that creates a metacopy, renames it, or completes its data. */
    function change(root: string): void {
      const at = (name: string): string => join(root, 'd', name);
      const other = (name: string): string => join(root, 'e', name);
      for (const name of ['mode', 'empty', 'written', 'cut', 'emptied', 'allocated', 'unlinked', 'mapped']) {
        sys.chmod(at(name), 0o4755);
      }
      for (const name of ['lower-metacopy', 'lower-redirected']) sys.chmod(at(name), 0o600);
      sys.chown(at('owner'), 7, 8);
      sys.utimens(at('times'), { sec: 5, nsec: 6 }, { sec: 7, nsec: 8 });
      sys.setxattr(at('xattr'), 'user.new', 'value');
      sys.setxattr(at('capable'), 'security.capability', sys.capability());
      sys.removexattr(at('no-xattr'), 'user.old');
      sys.setxattr(at('acl'), 'system.posix_acl_access', sys.acl('u::rw- user:61002:r-- g::r-- m::r-- o::---'));
      sys.rename(at('renamed'), at('renamed-to'));
      sys.rename(at('moved'), other('moved'));
      sys.rename(at('moved-twice'), at('moved-once'));
      sys.rename(at('moved-once'), other('moved-twice'));
      sys.link(at('linked'), other('link'));
      sys.rename(at('one'), at('uno'));
      sys.rename(at('exchanged'), other('swap'));
      sys.rename(other('swap'), at('swapped'), 2);
      sys.rename(at('lower-redirected'), at('redirected-again'));
      sys.rename(at('mode'), at('replaced'));
      sys.unlink(at('unlinked'));
      for (const name of ['written', 'capable']) {
        const append = sys.open(at(name), sys.O_WRONLY | sys.O_APPEND);
        sys.write(append, 'more');
        sys.close(append);
      }
      sys.truncate(at('cut'), 10);
      sys.close(sys.open(at('emptied'), sys.O_WRONLY | sys.O_TRUNC));
      const allocated = sys.open(at('allocated'), sys.O_RDWR);
      sys.fallocate(allocated, 0, 0, 200_000);
      sys.close(allocated);
      const link = sys.open(other('link'), sys.O_RDWR);
      sys.pwrite(link, 'linked', 0);
      sys.close(link);
      sys.rename(join(root, 'e'), join(root, 'f'));
    }

    /** Times of changes differ between the sides. Those that the test has set have fewer than ten digits. */
    const shown = (root: string): Record<string, string> =>
      Object.fromEntries(
        Object.entries(snapshot(root)).map(([path, facts]) => [
          path,
          facts.replace(/mtime=(\d{10,})\.\d+/, 'mtime=clock'),
        ]),
      );

    it('leaves the same upper after the same calls, and each program shows the upper of the other', () => {
      const sides = [onKernel, onPlyfs].map((mount, i) => {
        sys.mkdir(join(base, `${i}`));
        return { mount, layers: makeLayerDirs(join(base, `${i}`)) };
      });
      const results = sides.map(({ mount, layers: own }) => {
        fill(own);
        const lower = snapshot(own.lowers[2] as string);
        const mounted = mount(own);
        try {
          change(mounted.mountpoint);
          return { tree: shown(mounted.mountpoint), lower };
        } finally {
          mounted.unmount();
          expect(snapshot(own.lowers[2] as string)).toEqual(lower);
        }
      });
      const [kernel, plyfs] = sides.map(({ layers: own }) => marks(own.upper));
      expect(plyfs).toEqual(kernel);
      expect(results[1]?.tree).toEqual(results[0]?.tree);
      expect(kernel?.filter((line) => line.includes(METACOPY)).length).toBeGreaterThan(12);
      for (const [i, mount] of [onPlyfs, onKernel].entries()) {
        const mounted = mount((sides[i] as (typeof sides)[number]).layers);
        try {
          expect(shown(mounted.mountpoint)).toEqual(results[i]?.tree);
        } finally {
          mounted.unmount();
        }
      }
    });

    it('gives the same content, blocks and errnos with data-only layers', () => {
      const [top, one, two] = layers.lowers as [string, string, string];
      sys.mkdir(join(one, 'x'));
      sys.mkdir(join(two, 'x'));
      sys.writeFile(join(one, 'x', 'a'), 'one '.repeat(5000));
      sys.writeFile(join(two, 'x', 'a'), 'two '.repeat(5000));
      sys.writeFile(join(two, 'x', 'b'), 'two '.repeat(5000));
      for (const [name, redirect] of [
        ['a', '/x/a'],
        ['b', '/x/b'],
        ['none', '/x/none'],
        ['dir', '/x'],
        ['nowhere', undefined],
        ['dots', '/x/../x/b'],
        ['slashes', '/x//b'],
      ] as const) {
        makeMetacopy(join(top, name), 20_000, redirect);
      }
      makeMetacopy(join(layers.upper, 'upper-only'), 20_000, '/x/b');
      const stacked = { ...layers, lowers: [top, `:${one}`, `:${two}`] };
      const seen = ['metacopy=on', 'metacopy=off'].map((metacopy) =>
        [onKernel, onPlyfs].map((mount) => {
          const mounted = mount(stacked, [metacopy]);
          const at = (name: string): string => join(mounted.mountpoint, name);
          try {
            return readdirSync(mounted.mountpoint).map((name) => [
              name,
              sys.outcome(() => sys.stat(at(name))),
              sys.outcome(() => sys.readFile(at(name))),
              ...(sys.outcome(() => sys.stat(at(name))) === 'ok' ? [sys.stat(at(name)).blocks] : []),
            ]);
          } finally {
            mounted.unmount();
          }
        }),
      );
      for (const [kernel, plyfs] of seen) expect(plyfs).toEqual(kernel);
    });
  });

  describe('plyfs', () => {
    const bytes = 32 * MEBI;
    const at = (name: string): string => join(layers.mountpoint, name);
    const lower = (): string => join(layers.lowers[0] as string, 'big');
    const upper = (): string => join(layers.upper, 'big');
    const isMetacopy = (): boolean => sys.listxattr(upper()).includes(METACOPY);
    beforeEach(() => fillLarge(lower(), bytes));

    it('copies the data of a large file once for all callers, and serves others meanwhile', async () => {
      sys.utimens(lower(), { sec: 1000, nsec: 0 }, { sec: 2000, nsec: 0 });
      const mounted = onPlyfs(layers);
      try {
        sys.chmod(at('big'), 0o4711);
        sys.link(at('big'), at('link'));
        expect(isMetacopy()).toBe(true);
        const reader = sys.open(at('big'), sys.O_RDONLY);
        const mapping = new sys.Mapping(reader, 4096);
        const writers = [startCopyUp(at('big')), startCopyUp(at('link'))];
        const ended = Promise.all(writers.map((writer) => once(writer, 'exit')));
        for (let served = 0; writers.some(({ exitCode }) => exitCode === null) && served < 10_000; served++) {
          expect(sys.stat(at('big')).size).toBe(bytes);
          await new Promise((resolve) => setImmediate(resolve));
        }
        await ended;
        expect(isMetacopy()).toBe(false);
        // No process has written yet.
        expect(sys.stat(at('link'))).toMatchObject({ nlink: 2, mtime: { sec: 2000, nsec: 0 }, mode: 0o104711 });
        expect(sameContent(at('link'), lower())).toBe(true);
        const writer = sys.open(at('link'), sys.O_WRONLY);
        sys.pwrite(writer, 'changed!', 0);
        sys.close(writer);
        expect(sys.pread(reader, 8, 0).toString()).toBe('changed!');
        expect(mapping.read(0, 8)).toBe('changed!');
        mapping.unmap();
        sys.close(reader);
      } finally {
        mounted.unmount();
      }
    });

    it('leaves the metacopy or the whole file when it is killed while it copies the data', async () => {
      const moments = 5;
      let during = 0;
      for (let i = 0; i < moments; i++) {
        const mounted = await mountWithOwnServer(layers, ['-o', overlayOptions(layers, ['metacopy=on'])]);
        expect(sameContent(at('big'), lower()), `before moment ${i}`).toBe(true);
        sys.chmod(at('big'), 0o640);
        const withoutData = sys.stat(upper()).blocks;
        const writer = startCopyUp(at('big'));
        await waitFor(() => sys.stat(upper()).blocks > withoutData || !isMetacopy(), 'the data');
        // This delay waits for no condition: the moment of the kill varies.
        await new Promise((resolve) => setTimeout(resolve, i * 10));
        await Promise.all([mounted.server.kill(), writer.exitCode ?? once(writer, 'exit')]);
        mounted.unmount();
        if (isMetacopy()) during++;
        else expect(sameContent(upper(), lower()), `moment ${i}`).toBe(true);
        const next = onKernel(layers);
        try {
          expect(sameContent(at('big'), lower()), `moment ${i}`).toBe(true);
          expect(sys.stat(at('big')).mode & 0o7777).toBe(0o640);
        } finally {
          next.unmount();
        }
        if (!isMetacopy()) sys.unlink(upper());
      }
      expect(during).toBeGreaterThan(0);
    });

    it('fails with ENOSPC without room for the data, and keeps the metacopy', async () => {
      const small = join(base, 'small');
      sys.mkdir(small);
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=755', 'plyfs-test', small]).status).toBe(0);
      try {
        for (const name of ['upper', 'work']) sys.mkdir(join(small, name));
        sys.writeFile(join(layers.lowers[0] as string, 'little'), 'content');
        const mounted = onPlyfs({ ...layers, upper: join(small, 'upper'), work: join(small, 'work') });
        try {
          for (const name of ['big', 'little']) sys.chmod(at(name), 0o600);
          sys.setxattr(at('big'), 'security.capability', sys.capability());
          const before = sys.stat(at('big'));
          for (let i = 0; i < 2; i++) expect(sys.outcome(() => sys.open(at('big'), sys.O_RDWR))).toBe('ENOSPC');
          expect(sys.getxattr(at('big'), 'security.capability')).toEqual(sys.capability());
          expect(sys.outcome(() => sys.truncate(at('big'), bytes - 1))).toBe('ENOSPC');
          expect(sys.stat(at('big'))).toMatchObject({ size: bytes, mtime: before.mtime, blocks: before.blocks });
          expect(sameContent(at('big'), lower())).toBe(true);
          // The failed copy has used no room, and these operations need no data.
          sys.writeFile(at('little'), 'changed');
          sys.chmod(at('big'), 0o640);
          sys.rename(at('big'), at('moved'));
          expect(sameContent(at('moved'), lower())).toBe(true);
          sys.writeFile(at('moved'), 'ten bytes.');
          expect(sys.stat(at('moved')).size).toBe(10);
        } finally {
          mounted.unmount();
        }
      } finally {
        await unmountLayers(small);
      }
    });

    it('shows metacopies and their data in a read-only union', () => {
      const [top, bottom] = layers.lowers as [string, string];
      sys.rename(lower(), join(bottom, 'data'));
      makeMetacopy(join(top, 'big'), bytes, '/data');
      const mounted = onPlyfs({ ...layers, upper: null });
      try {
        expect(sameContent(at('big'), at('data'))).toBe(true);
        expect(sys.stat(at('big')).blocks).toBe(sys.stat(at('data')).blocks);
        expect(sys.outcome(() => sys.chmod(at('big'), 0o600))).toBe('EROFS');
      } finally {
        mounted.unmount();
      }
    });
  });
});
