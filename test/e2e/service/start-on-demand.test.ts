/** Mounts that start a service if none runs. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable } from '../../harness/mounts.js';
import { ServiceSandbox } from './service-under-test.js';
import { detachAll, MountCommand, makeUnion, statusOf } from './unions.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`service=start${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let box: ServiceSandbox;
  beforeEach(() => {
    box = new ServiceSandbox();
  });
  afterEach(async () => await box.close());

  it('starts one service for several mounts at the same time, which serves them all', async () => {
    const unions = ['one', 'two', 'three', 'four', 'five'].map((name) => makeUnion(box, name, ['service=start']));
    try {
      const commands = unions.map(({ args }) => new MountCommand(box, args));
      for (const { ended } of commands) expect(await ended).toEqual({ status: 0, signal: null, stderr: '' });
      const served = statusOf(box).mounts.map(({ mountpoint }) => mountpoint);
      expect(served.sort()).toEqual(unions.map(({ mountpoint }) => mountpoint).sort());
    } finally {
      for (const { mountpoint } of unions) detachAll(mountpoint);
    }
  });
});
