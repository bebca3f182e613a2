/** Layers whose file system fails: the caller is told, the tree is as before, nothing is left behind. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../faults/operations.js';
import { FaultStage } from '../faults/stage.js';
import { tryOperation } from '../faults/try-operation.js';
import { kernelOverlayUnavailable, mountsUnavailable } from '../harness/mounts.js';
import { makeScratch, removeScratch } from '../harness/scratch.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

describe.skipIf(unavailable !== null)(`a layer fails${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  describe.each([{ dialect: 'overlay' }, { dialect: 'aufs' }] as const)('$dialect', (options) => {
    let base: string;
    let stage: FaultStage;
    beforeAll(async () => {
      base = makeScratch('faults');
      stage = await FaultStage.open(base, options);
    });
    afterAll(async () => {
      await stage.close();
      removeScratch(base);
    });
    it.each(operations)('$id', (operation) => {
      const trials = tryOperation(stage, operation, { errno: 'EIO' });
      const failed = trials.filter(({ problems }) => problems.length > 0);
      expect(failed.map(({ n, kind, result, problems }) => ({ fault: `${n}: ${kind}`, result, problems }))).toEqual([]);
      expect(trials.length).toBeGreaterThan(0);
    });
  });
});
