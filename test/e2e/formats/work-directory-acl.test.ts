/**
 * Objects that are made or copied up through the work directory do not inherit the default ACL of the
 * directory that contains it: the upper is as the kernel's overlayfs would leave it.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, linked, special, symlink, type Tree } from '../../conformance/tree.js';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

const ACL = sys.acl('u::rwx user:1234:rwx g::rwx m::rwx o::r-x');
const TREE: Tree = {
  f: file('content', { mode: 0o664 }),
  g: file('content', { mode: 0o775 }),
  p: special(sys.S_IFIFO, 0, { mode: 0o666 }),
  l: symlink('f'),
  d: dir({ x: 'x', s: dir() }, { mode: 0o775 }),
  gone: dir({}, { mode: 0o775 }),
  one: linked('one file', 'one'),
  two: linked('one file', 'one'),
  open: dir({ gone: dir({ x: 'x' }) }, { mode: 0o777 }),
};

type Mount = (layers: WritableLayerDirs) => Mounted;
const FEATURES = ['redirect_dir=on', 'metacopy=on', 'index=on'];

describe.skipIf(unavailable !== null)(`the default ACL of a work directory ${unavailable ?? ''}`, () => {
  let base: string;
  beforeEach(() => {
    base = makeScratch('work-acl');
  });
  afterEach(() => removeScratch(base));

  function layersAt(name: string): WritableLayerDirs {
    mkdirSync(join(base, name));
    const layers = makeLayerDirs(join(base, name));
    materialize(layers.lowers[0] as string, TREE);
    return layers;
  }

  /** Returns the upper after a change of each kind, as root and as another user. */
  function changed(layers: WritableLayerDirs, mount: Mount): Record<string, string> {
    const { mountpoint } = mount(layers);
    const at = (name: string): string => `${mountpoint}/${name}`;
    try {
      sys.writeFile(at('f'), 'written');
      sys.chmod(at('g'), 0o664);
      sys.chmod(at('p'), 0o600);
      sys.lchown(at('l'), 7, 7);
      sys.chmod(at('d'), 0o770);
      sys.writeFile(at('one'), 'written');
      sys.unlink(at('d/x'));
      sys.writeFile(at('d/x'), 'again', 0o664);
      sys.rmdir(at('gone'));
      sys.mkdir(at('gone'), 0o775);
      sys.writeFile(at('gone/inside'), 'new', 0o664);
      sys.asUser(sys.ALICE, sys.STAFF, () => {
        sys.mkdir(at('open/made'), 0o775);
        sys.writeFile(at('open/made/file'), 'new', 0o664);
        sys.mknod(at('open/fifo'), sys.S_IFIFO | 0o664);
        sys.symlink('target', at('open/link'));
      });
      sys.unlink(at('open/gone/x'));
      sys.rmdir(at('open/gone'));
      sys.mkdir(at('open/new'), 0o775);
      sys.rename(at('open/new'), at('open/gone'));
    } finally {
      unmount(mountpoint);
    }
    return snapshot(layers.upper, { without: ['mtime'] });
  }

  /** Removes attributes that differ between two layers or exist in one dialect only. */
  function comparable(facts: Record<string, string>): Record<string, string> {
    const own = / (?:trusted|user)\.(?:overlay\.(?:origin|impure|uuid|upper|opaque)|plyfs\.\w+)=\w+/g;
    return Object.fromEntries(Object.entries(facts).map(([name, each]) => [name, each.replace(own, '')]));
  }

  it.each<[string, Mount, Mount]>([
    ['without features', (layers) => mountPlyfs(layers), (layers) => mountKernel(layers)],
    ['with features', (layers) => mountPlyfs(layers, FEATURES), (layers) => mountKernel(layers, FEATURES)],
  ])('is inherited by no object of the upper, %s', (_, plyfs, kernel) => {
    const [ours, theirs] = [layersAt('plyfs'), layersAt('kernel')];
    for (const { work } of [ours, theirs]) sys.setxattr(work, 'system.posix_acl_default', ACL);
    const left = changed(ours, plyfs);
    expect(comparable(left)).toEqual(comparable(changed(theirs, kernel)));
    expect(Object.values(left).filter((facts) => facts.includes('posix_acl'))).toEqual([]);
  });

  it('is removed from an existing work directory', () => {
    const layers = layersAt('plyfs');
    const work = join(layers.work, 'work');
    sys.mkdir(work, 0o700);
    for (const acl of ['default', 'access']) sys.setxattr(work, `system.posix_acl_${acl}`, ACL);
    expect(
      Object.values(changed(layers, (each) => mountPlyfs(each))).filter((facts) => facts.includes('posix_acl')),
    ).toEqual([]);
    expect(sys.listxattr(work)).toEqual([]);
  });

  it("is the ACL of the branch's root in the aufs dialect, which only objects in the root inherit", () => {
    const layers = layersAt('plyfs');
    sys.setxattr(layers.upper, 'system.posix_acl_default', ACL);
    const inherited = Object.entries(changed(layers, (each) => mountAufs(each))).filter(
      ([name, facts]) => facts.includes('posix_acl') && !name.includes('.wh.'),
    );
    expect(inherited.map(([name]) => name).sort()).toEqual(['.', 'gone', 'gone/inside']);
  });
});
