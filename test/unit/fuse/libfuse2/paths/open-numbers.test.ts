import { describe, expect, it } from 'vitest';
import type { NodeId } from '../../../../../src/core/brand.js';
import { OpenNumbers } from '../../../../../src/fuse/libfuse2/paths/open-numbers.js';

describe('open files', () => {
  it('have unique numbers larger than 0 until they are removed', () => {
    const files = new OpenNumbers();
    const [first, second] = [files.add(5 as NodeId, 0), files.add(5 as NodeId, 2)];
    expect([first > 0, second > 0, first !== second]).toEqual([true, true, true]);
    expect(files.remove(second)).toEqual({ nodeid: 5, flags: 2 });
    expect([files.isOpen(5 as NodeId), files.get(first)]).toEqual([true, 5]);
    files.remove(first);
    expect([files.isOpen(5 as NodeId), files.size]).toEqual([false, 0]);
    expect(() => files.get(first)).toThrow(/EBADF/);
  });
});
