/** The division of the process's file descriptors between directories, files and everything else. */
import { describe, expect, it } from 'vitest';
import { shareFds } from '../../../src/union/fd-shares.js';

/** Node itself has about this many open. */
const NODE_FDS = 35;

describe('with a limit of open files of', () => {
  it.each([
    [1024, 1],
    [1024, 100],
    [4096, 500],
    [1 << 20, 500],
  ])('%i, %i lower layers, all that can be open together is below the limit', (limit, layers) => {
    const { maxPerOperation, maxWithFiles, maxFiles } = shareFds(layers, layers, limit);
    const evicted = maxPerOperation;
    expect(maxFiles + maxPerOperation).toBeLessThanOrEqual(maxWithFiles);
    expect(maxWithFiles + evicted + layers + NODE_FDS).toBeLessThan(limit);
  });

  it('128, some files and the directories of one operation can be open', () => {
    const { maxPerOperation, maxDirectories, maxFiles } = shareFds(1, 1, 128);
    expect(maxDirectories).toBeGreaterThanOrEqual(maxPerOperation);
    expect(maxFiles).toBeGreaterThan(0);
  });
});

describe('one operation', () => {
  it('can open two directories of each layer, the upper included', () => {
    expect(shareFds(3, 3, 1024).maxPerOperation).toBeGreaterThanOrEqual(2 * 4);
  });
});
