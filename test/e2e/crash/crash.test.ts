/** The server is killed (kill -9) during a copy-up: the next mount works, and shows no incomplete copy. */
import { once } from 'node:events';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, unmount, waitFor } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { DIALECTS } from '../harness/dialects.js';
import { copyUpStarted, fillLarge, sameContent, startCopyUp } from '../harness/large-file.js';

const MOMENTS = 12;
const BYTES = 192 << 20;

/** Returns every name below `path`, directories included. */
function namesBelow(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' });
}

describe.each(DIALECTS)('a server killed during a copy-up, $name dialect', (dialect) => {
  const unavailable = mountsUnavailable() ?? dialect.unavailable();
  let base: string;
  let layers: WritableLayerDirs;
  let lower: string;

  beforeEach(() => {
    base = makeScratch('crash');
    layers = makeLayerDirs(base);
    lower = join(base, 'lower1', 'dir', 'big');
    sys.mkdir(join(base, 'lower1', 'dir'));
    fillLarge(lower, BYTES);
    sys.chmod(lower, 0o640);
    sys.utimens(lower, { sec: 1000, nsec: 0 }, { sec: 2000, nsec: 0 });
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    removeScratch(base);
  });

  /** Measures one undisturbed copy-up, in milliseconds from the moment when its first file exists. */
  async function copyUpTime(): Promise<number> {
    const mounted = await dialect.mountWithOwnServer(layers);
    const writer = startCopyUp(join(layers.mountpoint, 'dir', 'big'));
    await waitFor(
      () =>
        copyUpStarted(mounted.server, base, dialect.staging(layers)) || existsSync(join(layers.upper, 'dir', 'big')),
      'the copy',
    );
    const from = performance.now();
    await once(writer, 'exit');
    const took = performance.now() - from;
    mounted.unmount();
    rmSync(join(layers.upper, 'dir'), { recursive: true });
    return took;
  }

  it.skipIf(unavailable !== null)(`leaves the whole file or none, at ${MOMENTS} moments of the copy`, async () => {
    const whole = Math.max(10, await copyUpTime());
    let during = 0;
    for (let i = 0; i < MOMENTS; i++) {
      const mounted = await dialect.mountWithOwnServer(layers);
      const writer = startCopyUp(join(layers.mountpoint, 'dir', 'big'));
      await waitFor(
        () =>
          copyUpStarted(mounted.server, base, dialect.staging(layers)) || existsSync(join(layers.upper, 'dir', 'big')),
        'the copy',
      );
      // This delay waits for no condition: the moment of the kill varies from the start of the copy to just
      // after its end.
      await new Promise((resolve) => setTimeout(resolve, (whole * 1.1 * i) / MOMENTS));
      await Promise.all([mounted.server.kill(), writer.exitCode ?? once(writer, 'exit')]);
      mounted.unmount();

      const upper = join(layers.upper, 'dir', 'big');
      if (existsSync(upper)) checkWhole(upper, i);
      else during++;
      checkNextMounts(i);
      rmSync(join(layers.upper, 'dir'), { recursive: true, force: true });
    }
    // If fewer moments were during the copy, the delays were wrong.
    expect(during).toBeGreaterThan(MOMENTS / 3);
  });

  /** Expects the file under its final name to be whole, with all attributes. */
  function checkWhole(path: string, moment: number): void {
    const { size, mode, mtime } = sys.lstat(path);
    expect({ size, mode, mtime }, `moment ${moment}`).toEqual({
      size: BYTES,
      mode: sys.S_IFREG | 0o640,
      mtime: { sec: 2000, nsec: 0 },
    });
    expect(sameContent(path, lower), `moment ${moment}`).toBe(true);
  }

  function checkNextMounts(moment: number): void {
    const other = dialect.mountOther?.(layers);
    if (other !== undefined)
      expect(statSync(join(layers.mountpoint, 'dir', 'big')).size, `moment ${moment}`).toBe(BYTES);
    other?.unmount();
    const next = dialect.mount(layers);
    expect(namesBelow(dialect.staging(layers)), `moment ${moment}: leftovers`).toEqual([]);
    expect(sys.stat(join(layers.mountpoint, 'dir', 'big')).size, `moment ${moment}`).toBe(BYTES);
    sys.writeFile(join(layers.mountpoint, 'dir', 'after'), 'the mount takes writes');
    next.unmount();
  }

  it.skipIf(unavailable !== null)(
    'leaves files and directories in the work directory, which the next mount removes',
    async () => {
      const staging = dialect.staging(layers);
      sys.mkdir(staging);
      sys.writeFile(join(staging, '#1'), 'a copy that was never published');
      sys.mkdir(join(staging, '#2'));
      sys.writeFile(join(staging, '#2', 'inside'), 'x');
      const mounted = dialect.mount(layers);
      expect(namesBelow(staging)).toEqual([]);
      mounted.unmount();
    },
  );
});
