/**
 * Layers on an idmapped mount (man mount_setattr(2)), which maps their owners already. podman passes such
 * lowers together with `uidmapping`: if plyfs mapped the owners again, the files would appear as nobody's.
 * The mapping of plyfs applies to all layers, so such a layer is read through another mount of the same
 * directory, without an idmap.
 */
import { statSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import type { MountConfig } from '../config/mount-config.js';
import { MountError } from '../config/mount-error.js';
import { type DirectoryLocation, LocationFinder, pathThrough } from './directory-location.js';

/**
 * The config with a path of each layer at which it has the owners on the disk. Throws {@link MountError} if a
 * layer has no such path.
 */
export function withoutIdmapped(config: MountConfig, mounts: readonly MountEntry[] = readMountinfo()): MountConfig {
  const mapsOwners = config.ownership?.uids !== undefined || config.ownership?.gids !== undefined;
  if (!mapsOwners || !mounts.some(({ isIdmapped }) => isIdmapped)) return config;
  const finder = new LocationFinder(mounts);
  const unmapped = (what: string, path: string): string => unmappedPath(mounts, finder.find(path), { what, path });
  const { upper, work } = config;
  return {
    ...config,
    lowers: config.lowers.map((path) => unmapped('lowerdir', path)),
    ...(upper === undefined ? {} : { upper: unmapped('upperdir', upper) }),
    ...(work === undefined ? {} : { work: unmapped('workdir', work) }),
  };
}

/** A path of the directory at `location` on a mount without an idmap. */
function unmappedPath(
  mounts: readonly MountEntry[],
  location: DirectoryLocation,
  { what, path }: { what: string; path: string },
): string {
  if (!mounts.some(({ id, isIdmapped }) => id === location.mountId && isIdmapped)) return path;
  for (const mount of mounts) {
    if (mount.isIdmapped || mount.device !== location.device) continue;
    const candidate = pathThrough(mount, location.path);
    if (candidate !== null && isSame(candidate, path)) return candidate;
  }
  throw MountError.of({
    what,
    where: path,
    why: 'is only on an idmapped mount: its owners would be mapped twice',
    errno: Errno.EINVAL,
    advice: 'give the directory itself, or omit uidmapping, gidmapping and squash_to_',
  });
}

/** Whether both paths lead to one directory: another mount may hide it at `candidate`. */
function isSame(candidate: string, path: string): boolean {
  const [found, wanted] = [candidate, path].map((each) =>
    statSync(Buffer.from(each, 'latin1'), { bigint: true, throwIfNoEntry: false }),
  );
  return found !== undefined && found.dev === wanted?.dev && found.ino === wanted.ino;
}
