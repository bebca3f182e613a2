/** `index=on` with layers that another mount uses as its upper or work directory: EBUSY, as in the kernel. */
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kernelOverlayUnavailable, mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

/** Layers of the second mount. The first one uses `used/up` and `used/work`. */
const REFUSED = [
  ['a lower that is its upper', 'lowerdir=used/up:base,upperdir=up,workdir=work'],
  ['a lower inside its upper', 'lowerdir=base:used/up/deep/dir,upperdir=up,workdir=work'],
  ['a lower that is its workdir', 'lowerdir=used/work:base,upperdir=up,workdir=work'],
  ['a lower inside its workdir', 'lowerdir=used/work/work:base,upperdir=up,workdir=work'],
  ['a lower inside its upper, by a bind mount', 'lowerdir=bound:base,upperdir=up,workdir=work'],
  ['the same upper', 'lowerdir=base,upperdir=used/up,workdir=work'],
  ['an upper and a workdir inside its upper', 'lowerdir=base,upperdir=used/up/deep/up,workdir=used/up/deep/work'],
  ['a workdir inside its workdir', 'lowerdir=base,upperdir=used/up2,workdir=used/work/mine'],
] as const;
const ALLOWED = [
  ['its lower', 'lowerdir=top:base,upperdir=up,workdir=work'],
  ['a lower that its upper and workdir are inside of', 'lowerdir=used:base,upperdir=up,workdir=work'],
  ['a lower beside its upper', 'lowerdir=used/up2:base,upperdir=up,workdir=work'],
] as const;

describe.skipIf(unavailable !== null)(`layers in use ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
    for (const name of ['up/deep/dir', 'up/deep/up', 'up/deep/work', 'up2', 'work/mine']) {
      mkdirSync(box.at(`used/${name}`), { recursive: true });
    }
    for (const name of ['first', 'bound']) mkdirSync(box.at(name));
    run('mount', ['--bind', box.at('used/up/deep/dir'), box.at('bound')]);
  });
  afterEach(() => box.dispose());

  const absolute = (layers: string): string => layers.replace(/([=:])(?=\w)/g, `$1${box.dir}/`);
  const MOUNTERS = {
    kernel: ['mount', '-t', 'overlay', 'overlay'],
    plyfs: [PLYFS, 'mount'],
  } as const;
  type Mounter = keyof typeof MOUNTERS;

  function mountBy(mounter: Mounter, layers: string, words: string, where: string): Outcome {
    const [program, ...args] = MOUNTERS[mounter];
    return run(program, [...args, '-o', `${absolute(layers)},${words}`, box.at(where)]);
  }

  /** Makes the first mount by `holder`. Returns the exit status of the second mount, by each program. */
  function second(holder: Mounter, layers: string, words: string): Partial<Record<Mounter, number | null>> {
    expect(mountBy(holder, 'lowerdir=top,upperdir=used/up,workdir=used/work', 'index=off', 'first').status).toBe(0);
    const outcomes: Partial<Record<Mounter, number | null>> = {};
    // The kernel does not know which layers plyfs uses.
    for (const mounter of holder === 'kernel' ? (['kernel', 'plyfs'] as const) : (['plyfs'] as const)) {
      const { status, stderr } = mountBy(mounter, layers, words, 'mnt');
      if (mounter === 'plyfs' && status !== 0) {
        expect(stderr).toMatch(/^plyfs: \w+: \S+: in use as upperdir or workdir of another mount.* \(EBUSY\); .*\n$/);
      }
      if (status === 0) expect(run('umount', [box.mountpoint]).status).toBe(0);
      // An index records the layers that it is used with.
      for (const name of ['up', 'work', 'used/up2', 'used/up/deep/up', 'used/up/deep/work']) {
        spawnSync('sh', ['-c', `rm -rf "$0" && mkdir "$0"`, box.at(name)]);
      }
      outcomes[mounter] = status === 0 ? 0 : 1;
    }
    return outcomes;
  }

  describe.each(['kernel', 'plyfs'] as const)('the first mount is by %s', (holder) => {
    const each = (status: number): Partial<Record<Mounter, number>> =>
      holder === 'kernel' ? { kernel: status, plyfs: status } : { plyfs: status };

    // With plyfs as holder each refusal takes seconds, because it waits for a server that may be about to
    // end.
    it.each(holder === 'kernel' ? REFUSED : [REFUSED[1], REFUSED[3], REFUSED[5]])('%s: EBUSY', (_, layers) => {
      expect(second(holder, layers, 'index=on')).toEqual(each(1));
    });

    it.each(holder === 'kernel' ? ALLOWED : [ALLOWED[1]])('%s: allowed', (_, layers) => {
      expect(second(holder, layers, 'index=on')).toEqual(each(0));
    });

    it('without index: allowed', () => {
      expect(second(holder, REFUSED[1][1], 'index=off')).toEqual(each(0));
    });
  });

  it('can be mounted again after the first mount has been unmounted', () => {
    const [, layers] = REFUSED[1];
    expect(mountBy('plyfs', 'lowerdir=top,upperdir=used/up,workdir=used/work', 'index=on', 'first').status).toBe(0);
    expect(run('umount', [box.at('first')]).status).toBe(0);
    expect(mountBy('plyfs', layers, 'index=on', 'mnt')).toMatchObject({ status: 0, stderr: '' });
  });
});
