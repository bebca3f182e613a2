/**
 * An unmount waits for the server, and the file systems of the layers can be unmounted while the union is
 * mounted.
 */
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serverOf } from '../../harness/machine/processes.js';
import {
  isMounted,
  kernelOverlayUnavailable,
  mountAufs,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
  PLYFS,
  sharedServer,
} from '../../harness/mounts.js';
import { type LayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import { cannotSlowDown, holdsLayers, slowDown } from '../harness/slow-server.js';

const unavailable = mountsUnavailable();
const withoutKernel = kernelOverlayUnavailable() !== null;
/** Only a server of one mount can be slowed down. */
const cannotTrace = cannotSlowDown || sharedServer !== null;
const reason = sharedServer === null ? '' : ` (${sharedServer})`;

describe.skipIf(unavailable !== null)(`unmounting${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let disk: string;
  let layers: LayerDirs;

  beforeEach(() => {
    base = makeScratch('unmounting');
    disk = join(base, 'disk');
    mkdirSync(disk);
    spawnSync('mount', ['-t', 'tmpfs', 'plyfs-test', disk]);
    const at = (name: string): string => join(disk, name);
    for (const name of ['lower', 'upper', 'work']) mkdirSync(at(name));
    mkdirSync(join(base, 'merged'));
    writeFileSync(join(disk, 'lower', 'file'), 'lower\n');
    layers = { lowers: [at('lower')], upper: at('upper'), work: at('work'), mountpoint: join(base, 'merged') };
  });
  afterEach(() => {
    for (const path of [layers.mountpoint, disk]) if (isMounted(path)) spawnSync('umount', ['-l', path]);
    removeScratch(base);
  });

  it.each([
    { program: "the kernel's overlayfs", mount: mountKernel, skips: withoutKernel },
    { program: 'plyfs', mount: mountPlyfs, skips: false },
    { program: 'plyfs with index=on', mount: (dirs: LayerDirs) => mountPlyfs(dirs, ['index=on']), skips: false },
    { program: 'plyfs with aufs branches', mount: mountAufs, skips: false },
  ])('leaves $program working when the file system of all layers is unmounted', ({ mount, skips }) => {
    if (skips) return;
    const mounted = mount(layers);
    expect(spawnSync('umount', [disk], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    expect(existsSync(join(disk, 'lower'))).toBe(false);
    writeFileSync(join(mounted.mountpoint, 'new'), 'new');
    writeFileSync(join(mounted.mountpoint, 'file'), 'changed');
    expect(readdirSync(mounted.mountpoint).sort()).toEqual(['file', 'new']);
    expect(readFileSync(join(mounted.mountpoint, 'file'), 'utf8')).toBe('changed');
    mounted.unmount();
  });

  it('shows nothing of a file system that is mounted inside the upper directory', () => {
    mkdirSync(join(disk, 'upper', 'directory'));
    spawnSync('mount', ['-t', 'tmpfs', 'plyfs-test', join(disk, 'upper', 'directory')]);
    writeFileSync(join(disk, 'upper', 'directory', 'elsewhere'), '');
    try {
      const mounted = mountPlyfs(layers);
      expect(readdirSync(join(mounted.mountpoint, 'directory'))).toEqual([]);
      mounted.unmount();
    } finally {
      spawnSync('umount', [join(disk, 'upper', 'directory')]);
    }
  });

  it.skipIf(cannotTrace).each([
    ['plyfs umount', (path: string) => [PLYFS, 'umount', path]],
    [
      'umount.fuse.plyfs, as umount(8) calls it,',
      (path: string) => [join(base, 'umount.fuse.plyfs'), path, '-n', '-t', 'fuse.plyfs'],
    ],
  ])(`lets %s return only when a slow server has closed its layers${reason}`, async (_, command) => {
    symlinkSync(PLYFS, join(base, 'umount.fuse.plyfs'));
    mountPlyfs(layers);
    const pid = serverOf(layers.mountpoint) ?? 0;
    expect(holdsLayers(pid)).toBe(true);
    const tracer = await slowDown(pid);
    try {
      const [program = '', ...args] = command(layers.mountpoint);
      expect(spawnSync(program, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
      expect(holdsLayers(pid)).toBe(false);
      expect(isMounted(layers.mountpoint)).toBe(false);
    } finally {
      tracer.kill();
    }
  });

  it.skipIf(cannotTrace)(
    `makes a mount directly after umount(2) wait for the slow server, without a warning${reason}`,
    async () => {
      mountPlyfs(layers);
      const pid = serverOf(layers.mountpoint) ?? 0;
      const tracer = await slowDown(pid, 300);
      try {
        expect(spawnSync('umount', [layers.mountpoint]).status).toBe(0);
        expect(holdsLayers(pid)).toBe(true);
        const args = ['mount', '-o', overlayOptions(layers), layers.mountpoint];
        expect(spawnSync(PLYFS, args, { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
      } finally {
        tracer.kill();
      }
    },
  );

  it('warns that a detached mount that is in use still uses the work directory', () => {
    mountPlyfs(layers);
    const fd = openSync(join(layers.mountpoint, 'file'), 'r');
    try {
      expect(spawnSync('umount', ['-l', layers.mountpoint]).status).toBe(0);
      const args = ['mount', '-o', overlayOptions(layers), layers.mountpoint];
      expect(spawnSync(PLYFS, args, { encoding: 'utf8' })).toMatchObject({
        status: 0,
        stderr: expect.stringContaining('in use by another mount'),
      });
    } finally {
      closeSync(fd);
    }
  });
});
