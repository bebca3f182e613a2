/** Layers that have failed permanently, as on a disk that is gone: the union can still be unmounted. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dir } from '../../conformance/tree.js';
import { FaultStage } from '../../faults/stage.js';
import { isMounted, mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { cannotSlowDown, holdsLayers, slowDown } from '../harness/slow-server.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null).each(['overlay', 'aufs'] as const)('all layers fail: %s', (dialect) => {
  let base: string;
  let stage: FaultStage;

  beforeEach(async () => {
    base = makeScratch('failed');
    // The kernel asks again for the attributes of each object, the root's too.
    stage = await FaultStage.open(base, { dialect, layerTimeout: 0, options: ['timeout=0'] });
    stage.add('here', { upper: { made: dir() }, lower1: { small: 'small' } });
  });
  afterEach(async () => {
    await stage.close();
    removeScratch(base);
  });

  it('plyfs umount unmounts', () => {
    stage.faults.arm({ n: 1, errno: 'EIO', lasting: true });
    expect(() => readdirSync(stage.root)).toThrow('EIO');
    const done = spawnSync(PLYFS, ['umount', stage.root], { encoding: 'utf8', timeout: 60_000 });
    expect(done).toMatchObject({ status: 0, stderr: '' });
    expect(isMounted(stage.root)).toBe(false);
  });

  it.skipIf(cannotSlowDown)('plyfs umount returns when a slow server has closed the layers', async () => {
    stage.faults.arm({ n: 1, errno: 'EIO', lasting: true });
    const pid = stage.server.pid ?? 0;
    expect(holdsLayers(pid)).toBe(true);
    const tracer = await slowDown(pid);
    try {
      const done = spawnSync(PLYFS, ['umount', stage.root], { encoding: 'utf8', timeout: 60_000 });
      expect(done).toMatchObject({ status: 0, stderr: '' });
      expect(holdsLayers(pid)).toBe(false);
    } finally {
      tracer.kill();
    }
  });
});
