import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { FsError } from '../../../../src/core/errno.js';
import { type LayerVisitor, type WalkedObject, walkLayer } from '../../../../src/store/layers/layer-walk.js';
import { openLayerRoot } from '../../../../src/store/layers/open-untouched.js';
import { close } from '../../../../src/sys/files/open.js';
import { AufsSource } from '../../../../src/whiteout/aufs/aufs-form.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

/** Records its calls. */
class Recorder implements LayerVisitor {
  readonly calls: string[] = [];

  enter({ path }: WalkedObject, { isOpaque }: { isOpaque: boolean }): void {
    this.calls.push(`enter ${path}${isOpaque ? ' opaque' : ''}`);
  }

  leave({ path }: WalkedObject): void {
    this.calls.push(`leave ${path}`);
  }

  object({ path }: WalkedObject): void {
    this.calls.push(`object ${path}`);
  }

  whiteout(_dirfd: number, _name: EntryName, path: string): void {
    this.calls.push(`whiteout ${path}`);
  }
}

describe('walking a layer', () => {
  let root: string;
  let fd: number;
  beforeEach(() => {
    root = makeScratch('walk');
    fd = openLayerRoot(root);
  });
  afterEach(() => {
    close(fd);
    removeScratch(root);
  });

  function walk(): string[] {
    const recorder = new Recorder();
    walkLayer(fd, new AufsSource(), recorder);
    return recorder.calls;
  }

  const file = (path: string): void => writeFileSync(join(root, path), '');

  it('enters a directory before its entries, and leaves it after them', () => {
    mkdirSync(join(root, 'dir/inner'), { recursive: true });
    file('dir/inner/file');
    expect(walk()).toEqual([
      'enter ',
      'enter dir',
      'enter dir/inner',
      'object dir/inner/file',
      'leave dir/inner',
      'leave dir',
      'leave ',
    ]);
  });

  it('reports whiteouts after the entries', () => {
    for (const name of ['.wh.gone', 'file']) file(name);
    expect(walk()).toEqual(['enter ', 'object file', 'whiteout gone', 'leave ']);
  });

  it('skips whiteouts beside an entry of the same name, which hide nothing', () => {
    for (const name of ['.wh.file', 'file']) file(name);
    expect(walk()).toEqual(['enter ', 'object file', 'leave ']);
  });

  it('skips whiteouts in an opaque directory and below it, but not in an opaque root', () => {
    mkdirSync(join(root, 'dir/inner'), { recursive: true });
    for (const name of ['.wh.in-root', '.wh..wh..opq', 'dir/.wh..wh..opq', 'dir/.wh.x', 'dir/inner/.wh.y']) file(name);
    expect(walk()).toEqual([
      'enter  opaque',
      'enter dir opaque',
      'enter dir/inner',
      'leave dir/inner',
      'leave dir',
      'whiteout in-root',
      'leave ',
    ]);
  });

  it('adds the path of the object to an error', () => {
    mkdirSync(join(root, 'dir'));
    file('dir/file');
    const failing = new Recorder();
    failing.object = () => {
      throw new FsError(5, 'read');
    };
    const error = (): unknown => {
      try {
        return walkLayer(fd, new AufsSource(), failing);
      } catch (caught) {
        return caught;
      }
    };
    expect(error()).toMatchObject({ errno: 5, reason: 'read', path: 'dir/file' });
  });
});
