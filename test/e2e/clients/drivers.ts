/** Who makes the root directories of containers. The kernel is the oracle. */
import { spawnSync } from 'node:child_process';
import { mountsUnavailable, PLYFS } from '../../harness/mounts.js';

export const DRIVERS = ['kernel', 'plyfs', 'fuse-overlayfs'] as const;
export type Driver = (typeof DRIVERS)[number];

/** What containers-storage is told to mount with; undefined: the kernel. */
export function mountProgram(driver: Driver): string | undefined {
  if (driver === 'kernel') return undefined;
  return driver === 'plyfs' ? PLYFS : pathOf('fuse-overlayfs');
}

/** Why these programs cannot be tried here, or null. */
export function clientsUnavailable(...programs: readonly string[]): string | null {
  const unavailable = mountsUnavailable();
  if (unavailable !== null) return unavailable;
  const missing = ['unshare', 'nsenter', 'busybox', ...programs].filter((program) => pathOf(program) === undefined);
  return missing.length === 0 ? null : `not installed: ${missing.join(', ')}`;
}

export function pathOf(program: string): string | undefined {
  const found = spawnSync('sh', ['-c', 'command -v "$1"', 'sh', program], { encoding: 'utf8' });
  return found.status === 0 ? found.stdout.trim() : undefined;
}
