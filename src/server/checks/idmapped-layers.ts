/**
 * Layers that lie on an idmapped mount (man mount_setattr(2)), where their owners are mapped already. podman
 * gives such lowers together with `uidmapping`: mapping them again would show nobody's files. As one mapping
 * holds for all layers, such a layer is taken from where the same directory is mounted without one.
 */
import { statSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import type { MountConfig } from '../config/mount-config.js';
import { MountError } from '../config/mount-error.js';
import { type DirectoryLocation, LocationFinder } from './directory-location.js';

/**
 * The config with each layer where its owners are those of the disk. Throws {@link MountError} for one that
 * is nowhere so.
 */
export function withoutIdmapped(config: MountConfig, mounts: readonly MountEntry[] = readMountinfo()): MountConfig {
  const mapsOwners = config.ownership?.uids !== undefined || config.ownership?.gids !== undefined;
  if (!mapsOwners || !mounts.some(({ isIdmapped }) => isIdmapped)) return config;
  const finder = new LocationFinder(mounts);
  const plain = (what: string, path: string): string => plainPath(mounts, finder.find(path), { what, path });
  const { upper, work } = config;
  return {
    ...config,
    lowers: config.lowers.map((path) => plain('lowerdir', path)),
    ...(upper === undefined ? {} : { upper: plain('upperdir', upper) }),
    ...(work === undefined ? {} : { work: plain('workdir', work) }),
  };
}

function plainPath(
  mounts: readonly MountEntry[],
  place: DirectoryLocation,
  { what, path }: { what: string; path: string },
): string {
  if (!mounts.some(({ id, isIdmapped }) => id === place.mountId && isIdmapped)) return path;
  for (const mount of mounts) {
    if (mount.isIdmapped || mount.device !== place.device) continue;
    const candidate = pathIn(mount, place.path);
    if (candidate !== null && isSame(candidate, path)) return candidate;
  }
  throw MountError.of({
    what,
    where: path,
    why: 'lies on an idmapped mount, and nowhere else: its owners would be mapped twice',
    errno: Errno.EINVAL,
    advice: 'give the directory itself, or leave out uidmapping, gidmapping and squash_to_',
  });
}

/** Where `mount` shows what has `path` in its file system. */
function pathIn({ root, mountpoint }: MountEntry, path: string): string | null {
  if (root === '/') return mountpoint === '/' ? path : mountpoint + path;
  if (path !== root && !path.startsWith(`${root}/`)) return null;
  const rest = path.slice(root.length);
  return mountpoint === '/' ? rest || '/' : mountpoint + rest;
}

/** Something else may be mounted above it. */
function isSame(candidate: string, path: string): boolean {
  const [found, wanted] = [candidate, path].map((each) =>
    statSync(Buffer.from(each, 'latin1'), { bigint: true, throwIfNoEntry: false }),
  );
  return found !== undefined && found.dev === wanted?.dev && found.ino === wanted.ino;
}
