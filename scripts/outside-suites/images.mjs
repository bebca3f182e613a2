/**
 * Loop images: the layers of a suite are on a file system of known type and size, whatever the machine's disk
 * is.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { Refusal, run } from './shell.mjs';

const MAKERS = {
  ext4: (file) => run('mkfs.ext4', ['-q', '-F', file]),
  xfs: (file) => run('mkfs.xfs', ['-q', '-f', file]),
};

/** Makes a sparse image of so many GiB with an empty file system. */
export function makeImage(file, type, gibibytes) {
  writeFileSync(file, '');
  truncateSync(file, gibibytes * 2 ** 30);
  MAKERS[type](file);
}

/** Mounts an image. The kernel frees its loop device with the mount. */
export function mountImage(file, directory) {
  mkdirSync(directory, { recursive: true });
  run('mount', ['-o', 'loop', file, directory]);
}

/** A loop device that stays until `removeImage`. */
export function attachImage(file) {
  return run('losetup', ['--find', '--show', file]).trim();
}

const devicesOf = (file) =>
  run('losetup', ['--associated', file])
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(':')[0]);

/** Detaches what is attached to the image, and removes it. */
export function removeImage(file) {
  for (const device of devicesOf(file)) {
    const { stderr, status } = spawnSync('losetup', ['--detach', device], { encoding: 'utf8' });
    // A device of `mount -o loop` is detached by the kernel, in its own time.
    if (status !== 0 && devicesOf(file).includes(device)) throw new Refusal(`losetup --detach ${device}: ${stderr}`);
  }
  rmSync(file, { force: true });
}
