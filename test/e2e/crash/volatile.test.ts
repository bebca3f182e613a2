/**
 * A volatile mount writes a mark into the work directory, and refuses an upper with such a mark, as the
 * kernel does.
 */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  isMounted,
  kernelOverlayUnavailable,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  PLYFS,
  TRANSPORT,
  unmount,
} from '../../harness/mounts.js';
import { mountWithOwnServer } from '../../harness/own-server.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

describe.skipIf(unavailable !== null)(`a volatile mount ${unavailable ?? ''}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  beforeEach(() => {
    base = makeScratch('volatile');
    layers = makeLayerDirs(base);
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    removeScratch(base);
  });

  function kernel(...extra: string[]): SpawnSyncReturns<string> {
    const args = ['-t', 'overlay', 'overlay', '-o', overlayOptions(layers, extra), layers.mountpoint];
    return spawnSync('mount', args, { encoding: 'utf8' });
  }

  function plyfs(...extra: string[]): SpawnSyncReturns<string> {
    const transport = TRANSPORT === undefined ? [] : [`transport=${TRANSPORT}`];
    const args = ['-o', overlayOptions(layers, [...extra, ...transport]), layers.mountpoint];
    return spawnSync(PLYFS, args, { encoding: 'utf8' });
  }

  /**
   * Lists path, type and mode of all objects in the work directory, without those that only a running mount
   * needs.
   */
  function workTree(): string[] {
    const names = readdirSync(layers.work, { recursive: true }) as string[];
    const kept = names.filter((name) => !name.includes('#'));
    return kept.sort().map((name) => `${name} ${lstatSync(join(layers.work, name)).mode.toString(8)}`);
  }

  const MARK = [
    'work 40000',
    'work/incompat 40000',
    'work/incompat/volatile 40000',
    'work/incompat/volatile/dirty 100000',
  ];

  it("writes the kernel's mark when it begins, and leaves it when it ends", () => {
    expect(kernel('volatile').status).toBe(0);
    expect(workTree()).toEqual(MARK);
    unmount(layers.mountpoint);
    rmSync(layers.work, { recursive: true });
    mkdirSync(layers.work);
    const mounted = mountPlyfs(layers, ['volatile']);
    expect(workTree()).toEqual(MARK);
    writeFileSync(join(layers.mountpoint, 'file'), 'x');
    mounted.unmount();
    expect(workTree()).toEqual(MARK);
  });

  const REFUSAL = /^plyfs: workdir: .*: the upper was mounted volatile: .* \(EINVAL\); start with a new upperdir .*\n$/;

  function expectRefusedByBoth(...extra: string[]): void {
    const before = workTree();
    expect(kernel(...extra)).toMatchObject({ status: 32 });
    expect(plyfs(...extra)).toMatchObject({ status: 1, stderr: expect.stringMatching(REFUSAL) });
    expect(isMounted(layers.mountpoint)).toBe(false);
    expect(workTree()).toEqual(before);
  }

  it.each(['plyfs', 'kernel'])(
    'by %s makes plyfs and the kernel refuse its upper afterwards, with any options',
    (by) => {
      expect((by === 'plyfs' ? plyfs : kernel)('volatile')).toMatchObject({ status: 0, stderr: '' });
      unmount(layers.mountpoint);
      expectRefusedByBoth();
      expectRefusedByBoth('volatile');
      expectRefusedByBoth('ro');
      rmSync(join(layers.work, 'work/incompat/volatile/dirty'));
      expectRefusedByBoth();
      rmSync(join(layers.work, 'work/incompat/volatile'), { recursive: true });
      expect(kernel()).toMatchObject({ status: 0 });
      unmount(layers.mountpoint);
      expect(plyfs()).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(join(layers.work, 'work/incompat'))).toBe(false);
    },
  );

  it('makes both refuse its upper after its server was killed', async () => {
    const mounted = await mountWithOwnServer(layers, ['-o', overlayOptions(layers, ['volatile'])]);
    writeFileSync(join(layers.mountpoint, 'file'), 'x');
    await mounted.server.kill();
    mounted.unmount();
    expectRefusedByBoth();
  });

  it('makes another mount of its upper fail while it is mounted', () => {
    const mounted = mountPlyfs(layers, ['volatile']);
    const second = { ...layers, mountpoint: join(base, 'second') };
    mkdirSync(second.mountpoint);
    const done = spawnSync(PLYFS, ['-o', overlayOptions(second), second.mountpoint], { encoding: 'utf8' });
    expect(done).toMatchObject({ status: 1, stderr: expect.stringMatching(REFUSAL) });
    writeFileSync(join(layers.mountpoint, 'file'), 'x');
    mounted.unmount();
  });

  it.each(['fsync=0', 'fsync=1', 'ro,volatile'])('leaves no mark with %s', (words) => {
    for (let round = 0; round < 2; round++) {
      expect(plyfs(words)).toMatchObject({ status: 0, stderr: '' });
      expect(existsSync(join(layers.work, 'work/incompat'))).toBe(false);
      unmount(layers.mountpoint);
    }
  });

  it('can also be requested with fsync=volatile', () => {
    expect(plyfs('fsync=volatile')).toMatchObject({ status: 0, stderr: '' });
    expect(workTree()).toEqual(MARK);
  });

  it('refuses an unknown feature and names it', () => {
    mkdirSync(join(layers.work, 'work/incompat/teleport'), { recursive: true });
    expect(kernel().status).toBe(32);
    expect(plyfs()).toMatchObject({
      status: 1,
      stderr: `plyfs: workdir: ${layers.work}: the upper was used with the feature "teleport", which plyfs does not know (in work/incompat) (EINVAL); mount it with the program that has used it last\n`,
    });
  });
});
