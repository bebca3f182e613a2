/** The lower directories that are parts of a merged directory, without redirects. */
import { closeSync, mkdirSync, openSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { setXattr } from '../../../../src/sys/files/xattr.js';
import { home, listed, mount, REDIRECT, useMetacopyLayers, whole } from '../metacopy-layers.js';

const OPAQUE = REDIRECT.replace(/redirect$/, 'opaque');

useMetacopyLayers();

function makeOpaque(path: string): void {
  mkdirSync(join(home, path), { recursive: true });
  const fd = openSync(join(home, path), 'r');
  try {
    setXattr(fd, '', OPAQUE, Buffer.from('y'));
  } finally {
    closeSync(fd);
  }
}

/** Ways to the directory `p/d`: by its name alone, and by a listing of its parent, which knows the layers. */
describe.each([
  ['found by its name', (): string[] => listed('p/d')],
  [
    'found by a listing',
    (): string[] => {
      expect(listed('p')).toEqual(['d']);
      return listed('p/d');
    },
  ],
])('a merged directory that was %s', (_, entries) => {
  beforeEach(() => {
    for (const layer of ['l1', 'l2', 'l3']) whole(`${layer}/p/d/${layer}`);
  });

  it('has the entries of all layers, also of those below a layer without the directory', () => {
    mkdirSync(join(home, 'd1/p'));
    mount({}, ['l1', 'd1', 'd2', 'l3']);
    expect(entries()).toEqual(['l1', 'l3']);
  });

  it('has no entries of the layers below an opaque part', () => {
    makeOpaque('l2/p/d');
    mount();
    expect(entries()).toEqual(['l1', 'l2']);
  });

  it('has no entries of the layers below an opaque parent', () => {
    makeOpaque('l2/p');
    mount();
    expect(entries()).toEqual(['l1', 'l2']);
  });

  it.each<[string, (path: string) => void]>([
    ['a file', (path) => whole(path)],
    ['a symlink to a directory', (path) => symlinkSync('/', join(home, path))],
  ])('has no entries of the layers below %s of its name', (_, make) => {
    mkdirSync(join(home, 'd1/p'));
    make('d1/p/d');
    mount({}, ['l1', 'd1', 'l3']);
    expect(entries()).toEqual(['l1']);
  });
});
