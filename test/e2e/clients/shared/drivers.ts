/** The programs that make the root directories of containers. The kernel is the oracle. */
import { spawnSync } from 'node:child_process';
import { mountsUnavailable, PLYFS } from '../../../harness/mounts.js';

/**
 * With a mount program, containers-storage finds the changes of a container by comparing two trees. With the
 * kernel, it reads the upper, unless redirect_dir is on. The ways differ in hard links to files of lower
 * layers.
 */
export const DRIVERS = ['kernel', 'kernel, comparing trees', 'plyfs', 'fuse-overlayfs'] as const;
export type Driver = (typeof DRIVERS)[number];

/** Returns the driver's lines of storage.conf. */
export function overlayOptions(driver: Driver): string {
  const section = '[storage.options.overlay]';
  switch (driver) {
    case 'kernel':
      return '';
    case 'kernel, comparing trees':
      return `${section}\nmountopt = "redirect_dir=on"\n`;
    case 'plyfs':
      return `${section}\nmount_program = "${PLYFS}"\n`;
    case 'fuse-overlayfs':
      return `${section}\nmount_program = "${pathOf('fuse-overlayfs')}"\n`;
  }
}

/** True: every engine tries everything. By default, one engine tries what takes long. */
export const TRIES_ALL = process.env.PLYFS_CLIENTS === 'all';

/** The reason why these programs cannot be tested here, or null. */
export function clientsUnavailable(...programs: readonly string[]): string | null {
  const unavailable = mountsUnavailable();
  if (unavailable !== null) return unavailable;
  const missing = ['unshare', 'nsenter', 'perl', 'busybox', ...programs].filter(
    (program) => pathOf(program) === undefined,
  );
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`;
}

export function pathOf(program: string): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}
