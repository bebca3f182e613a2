import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../../../src/core/brand.js';
import { HiddenFiles } from '../../../../../src/fuse/libfuse2/paths/hidden-files.js';

describe('files that are removed while they are open', () => {
  it('are recognised by the name that libfuse gives them, in the same directory', () => {
    const name = '.fuse_hidden0000002a00000001';
    expect(HiddenFiles.isHiding('/d/f', `/d/${name}`)).toBe(true);
    expect(HiddenFiles.isHiding('/f', `/${name}`)).toBe(true);
    expect(HiddenFiles.isHiding('/e/f', `/d/${name}`)).toBe(false);
    expect(HiddenFiles.isHiding('/d/f', '/d/.fuse_hidden')).toBe(false);
  });

  it('move with their directory, which cannot be removed', () => {
    const hidden = new HiddenFiles();
    hidden.add('/d/x', 5 as NodeId);
    hidden.move('/d', '/new');
    expect([hidden.get('/d/x'), hidden.get('/new/x')]).toEqual([undefined, 5]);
    expect([hidden.hasBelow('/d'), hidden.hasBelow('/new'), hidden.hasBelow('/ne')]).toEqual([false, true, false]);
    expect([hidden.remove('/new/x'), hidden.remove('/new/x'), hidden.hasBelow('/new')]).toEqual([true, false, false]);
  });
});
