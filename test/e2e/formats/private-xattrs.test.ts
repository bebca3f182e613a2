/**
 * One of two attribute namespaces is private: `trusted.overlay.`, or with userxattr `user.overlay.`. The
 * other one is ordinary. The kernel and plyfs show and store the same attributes of the same layers.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  unmount,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

describe.skipIf(unavailable !== null)(`private attributes ${unavailable ?? ''}`, () => {
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

  /** Makes new layers with attributes of both namespaces. */
  function makeLayers(): WritableLayerDirs {
    const base = makeScratch('xattrs');
    bases.push(base);
    const layers = makeLayerDirs(base);
    const [top, bottom] = layers.lowers as [string, string];
    for (const namespace of ['trusted', 'user']) {
      for (const layer of [top, bottom]) {
        mkdirSync(join(layer, namespace));
        writeFileSync(join(layer, namespace, layer === top ? 'above' : 'below'), '');
      }
      sys.setxattr(join(top, namespace), `${namespace}.overlay.opaque`, 'y');
    }
    writeFileSync(join(bottom, 'file'), '');
    for (const namespace of ['trusted', 'user']) {
      sys.setxattr(join(bottom, 'file'), `${namespace}.overlay.unknown`, '1');
      sys.setxattr(join(bottom, 'file'), `${namespace}.overlay.overlay.nested`, '1');
    }
    return layers;
  }

  /** Lists attributes, without those that the kernel adds to the copy of a file. */
  function xattrs(path: string): string[] {
    const own = /\.overlay\.(origin|impure|uuid)$/;
    return sys
      .listxattr(path)
      .filter((name) => !own.test(name))
      .sort();
  }

  /** Returns all visible facts of a mount, before and after changes. */
  function facts({ mountpoint, upper }: WritableLayerDirs): object {
    const at = (name: string): string => join(mountpoint, name);
    const shown = ['file', 'trusted', 'user'].map((name) => [name, xattrs(at(name))]);
    const listed = ['trusted', 'user'].map((name) => [name, readdirSync(at(name)).sort()]);
    const asUser = spawnSync('setpriv', ['--reuid=1000', '--regid=1000', '--clear-groups', 'getfattr', '-m-', 'file'], {
      cwd: mountpoint,
      encoding: 'utf8',
    }).stdout.split('\n');
    const changes = ['trusted', 'user'].flatMap((namespace) => [
      sys.outcome(() => sys.setxattr(at('file'), `${namespace}.overlay.opaque`, 'y')),
      sys.outcome(() => sys.setxattr(at('file'), `${namespace}.overlay.overlay.more`, '2')),
      sys.outcome(() => sys.getxattr(at('file'), `${namespace}.overlay.unknown`)),
      sys.outcome(() => sys.removexattr(at('file'), `${namespace}.overlay.unknown`)),
      sys.outcome(() => sys.removexattr(at('file'), `${namespace}.overlay.nested`)),
    ]);
    const after = { shown: xattrs(at('file')), stored: xattrs(join(upper, 'file')) };
    rmSync(at('user'), { recursive: true });
    mkdirSync(at('user'));
    const opaque = { shown: xattrs(at('user')), stored: xattrs(join(upper, 'user')), names: readdirSync(at('user')) };
    return { shown, listed, asUser, changes, after, opaque };
  }

  it.each([[[]], [['userxattr']]])('are hidden and kept as in the kernel, with options %j', (extra) => {
    const forKernel = makeLayers();
    const options = overlayOptions(forKernel, [...extra, 'uuid=null']);
    expect(spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, forKernel.mountpoint]).status).toBe(0);
    const wanted = facts(forKernel);
    const layers = makeLayers();
    mountPlyfs(layers, extra);
    expect(facts(layers)).toEqual(wanted);
  });

  it('of one namespace are ordinary attributes in a mount with the other, and the other way round', () => {
    const layers = makeLayers();
    const first = mountPlyfs(layers, ['userxattr']);
    rmSync(join(first.mountpoint, 'user'), { recursive: true });
    mkdirSync(join(first.mountpoint, 'user'));
    expect(readdirSync(join(first.mountpoint, 'user'))).toEqual([]);
    first.unmount();
    const second = mountPlyfs(layers);
    expect(xattrs(join(second.mountpoint, 'user'))).toEqual(['user.overlay.opaque']);
    expect(readdirSync(join(second.mountpoint, 'user')).sort()).toEqual(['above', 'below']);
    second.unmount();
    const options = overlayOptions(layers, ['userxattr']);
    expect(spawnSync('mount', ['-t', 'overlay', 'overlay', '-o', options, layers.mountpoint]).status).toBe(0);
    expect(readdirSync(join(layers.mountpoint, 'user'))).toEqual([]);
  });
});
