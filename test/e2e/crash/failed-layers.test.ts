/** Layers that fail permanently, as on a disk that was removed: the union can still be unmounted. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dir } from '../../conformance/tree.js';
import { FaultyUnion } from '../../faults/faulty-union.js';
import { isMounted, mountsUnavailable, PLYFS, sharedServer } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { cannotSlowDown, holdsLayers, slowDown } from '../harness/slow-server.js';

const unavailable = mountsUnavailable();
/** A service has unions of its own open, on which it exercises its code. */
const cannotTrace = cannotSlowDown || sharedServer !== null;

describe.skipIf(unavailable !== null).each(['overlay', 'aufs'] as const)(
  'a %s union of which all layers fail',
  (dialect) => {
    let base: string;
    let union: FaultyUnion;

    beforeEach(async () => {
      base = makeScratch('failed');
      // The kernel requests the attributes of each object again, also those of the root.
      union = await FaultyUnion.open(base, { dialect, layerTimeout: 0, options: ['timeout=0'] });
      union.add('here', { upper: { made: dir() }, lower1: { small: 'small' } });
    });
    afterEach(async () => {
      await union.close();
      removeScratch(base);
    });

    it('is unmounted by plyfs umount', () => {
      union.faults.arm({ n: 1, errno: 'EIO', lasting: true });
      expect(() => readdirSync(union.root)).toThrow('EIO');
      const done = spawnSync(PLYFS, ['umount', union.root], { encoding: 'utf8', timeout: 60_000 });
      expect(done).toMatchObject({ status: 0, stderr: '' });
      expect(isMounted(union.root)).toBe(false);
    });

    it.skipIf(cannotTrace)('has closed its layers when plyfs umount returns, also with a slow server', async () => {
      union.faults.arm({ n: 1, errno: 'EIO', lasting: true });
      const pid = union.server.pid;
      expect(holdsLayers(pid)).toBe(true);
      const tracer = await slowDown(pid);
      try {
        const done = spawnSync(PLYFS, ['umount', union.root], { encoding: 'utf8', timeout: 60_000 });
        expect(done).toMatchObject({ status: 0, stderr: '' });
        expect(holdsLayers(pid)).toBe(false);
      } finally {
        tracer.kill();
      }
    });
  },
);
