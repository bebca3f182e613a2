/**
 * Checks the layers of a mount before they are opened: which are missing, and which are inside another. The
 * rules and errnos are those of fs/overlayfs/super.c (ovl_check_layer, ovl_workdir_ok), so that plyfs and the
 * kernel refuse the same layers.
 */
import { accessSync, constants } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { close, tryCloneLower } from '../../sys/files/open.js';
import type { MountConfig } from '../config/mount-config.js';
import { HIGHEST_MAX_LAYERS, isReadOnly } from '../config/mount-config.js';
import { errnoOf, MountError } from '../config/mount-error.js';
import { ancestorKeys, type DirectoryLocation, isInside, keyOf, LocationFinder } from './directory-location.js';

/**
 * Throws {@link MountError} for the first mistake. Reads the disk, and changes nothing.
 * @param config a config whose mountpoint is the absolute path of a directory, or is mounted already
 */
export function checkLayers(config: MountConfig): void {
  checkPresence(config);
  checkCount(config);
  checkLocations(config);
  if (!isReadOnly(config)) {
    checkWritable(optionNames(config).upper, config.upper);
    if (config.dialect === 'overlay') checkWritable('workdir', config.work);
  }
}

/** Refuses a mount without the layers that its dialect needs. */
function checkPresence({ dialect, lowers, dataLayers, upper, work, readOnly }: MountConfig): void {
  if (dialect === 'aufs') {
    checkBranches(lowers, upper);
    return;
  }
  if (lowers.length === dataLayers) {
    throw MountError.of({
      what: 'lowerdir',
      why: 'missing',
      errno: Errno.EINVAL,
      advice: 'give at least one lower layer: -o lowerdir=DIR[:DIR...]',
    });
  }
  if (upper !== undefined && work === undefined && !readOnly) {
    throw MountError.of({
      what: 'workdir',
      why: 'missing, and upperdir needs it',
      errno: Errno.EINVAL,
      advice: 'give an empty directory on the same mount as the upper: -o workdir=DIR',
    });
  }
}

/** aufs needs one branch, of any kind. */
function checkBranches(lowers: string[], upper: string | undefined): void {
  if (lowers.length > 0 || upper !== undefined) return;
  throw MountError.of({
    what: 'br',
    why: 'missing',
    errno: Errno.EINVAL,
    advice: 'give at least one branch: -o br:DIR=rw:DIR=ro+wh',
  });
}

/** Refuses more lower layers than `max_layers` allows. */
function checkCount({ lowers, maxLayers }: MountConfig): void {
  if (lowers.length <= maxLayers) return;
  const advice =
    lowers.length <= HIGHEST_MAX_LAYERS
      ? `raise it with -o max_layers=${lowers.length} (at most ${HIGHEST_MAX_LAYERS})`
      : `${maxLayers === HIGHEST_MAX_LAYERS ? 'that is' : `max_layers=${HIGHEST_MAX_LAYERS} is`} the most, as in the kernel`;
  throw MountError.of({
    what: 'lowerdir',
    why: `${lowers.length} lower layers, and the limit is ${maxLayers}`,
    errno: Errno.EINVAL,
    advice,
  });
}

/** The names of the layers on the command line. */
function optionNames({ dialect }: MountConfig): { lower: string; upper: string } {
  return dialect === 'aufs' ? { lower: 'branch', upper: 'rw branch' } : { lower: 'lowerdir', upper: 'upperdir' };
}

/** Checks that all layers exist, and where they are in relation to each other and to the mountpoint. */
function checkLocations(config: MountConfig): void {
  const { lowers, upper } = config;
  const work = config.dialect === 'aufs' ? undefined : config.work;
  const names = optionNames(config);
  const finder = new LocationFinder();
  const lowerLocations = lowers.map((path) => locate(finder, names.lower, path));
  const upperLocation = upper === undefined ? undefined : locate(finder, names.upper, upper);
  // Without an upper the kernel ignores the workdir.
  const workLocation = upper === undefined || work === undefined ? undefined : locate(finder, 'workdir', work);
  if (upperLocation !== undefined && workLocation !== undefined) checkWork(upperLocation, workLocation, work as string);
  checkOverlaps(names.lower, lowers, lowerLocations, [
    ...(upperLocation === undefined ? [] : [{ name: names.upper, location: upperLocation }]),
    ...(workLocation === undefined ? [] : [{ name: 'workdir', location: workLocation }]),
  ]);
  const treesWithMounts = lowerLocations.filter((_, i) => !canCloneTree(lowers[i] as string));
  if (upperLocation !== undefined) treesWithMounts.push(upperLocation);
  const mountpoint = locateMountpoint(finder, config);
  if (mountpoint !== undefined) checkOutside(treesWithMounts, mountpoint, config.mountpoint);
}

/**
 * Whether the union will see this lower layer without the mounts inside it, as the kernel's overlayfs does.
 */
function canCloneTree(path: string): boolean {
  const tree = tryCloneLower(path);
  if (tree < 0) return false;
  close(tree);
  return true;
}

/**
 * Refuses a mount inside one of its own layers. The serving thread would walk into that mount, and wait
 * forever for its own answer.
 * @param layers the layers that the union sees with the mounts inside them
 */
function checkOutside(layers: DirectoryLocation[], mountpoint: DirectoryLocation, where: string): void {
  if (!layers.some((layer) => isInside(mountpoint, layer))) return;
  throw MountError.of({
    what: 'mountpoint',
    where,
    why: 'is inside a layer',
    errno: Errno.ELOOP,
    advice: 'mount it on the layer itself or outside of all layers',
  });
}

/** Finds a layer. If it cannot be opened, the refusal names its option. */
function locate(finder: LocationFinder, what: string, path: string): DirectoryLocation {
  try {
    return finder.find(path);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw MountError.of({ what, where: path, errno });
  }
}

/**
 * The location of the mountpoint. If it is mounted already, open(2) would wait for the server, which does not
 * run yet, so the location is derived from the parent's. Undefined if this process cannot reach it; then no
 * layer leads into it either.
 */
function locateMountpoint(
  finder: LocationFinder,
  { mountpoint, deviceFd }: MountConfig,
): DirectoryLocation | undefined {
  if (deviceFd === undefined) return locate(finder, 'mountpoint', mountpoint);
  const slash = mountpoint.lastIndexOf('/');
  if (mountpoint === `/dev/fd/${deviceFd}`) return undefined;
  const parent = findIfSearchable(() => finder.findUnreadable(mountpoint.slice(0, slash) || '/'));
  if (parent === undefined) return undefined;
  return { ...parent, path: `${parent.path === '/' ? '' : parent.path}${mountpoint.slice(slash)}` };
}

/** Calls `find`. Undefined: this process cannot search one of the directories of the path (EACCES). */
function findIfSearchable(find: () => DirectoryLocation): DirectoryLocation | undefined {
  try {
    return find();
  } catch (error) {
    if (errnoOf(error) !== Errno.EACCES) throw error;
    return undefined;
  }
}

/** Checks that objects can be moved from the work directory into the upper. */
function checkWork(upper: DirectoryLocation, work: DirectoryLocation, where: string): void {
  if (keyOf(upper) === keyOf(work) || isInside(work, upper) || isInside(upper, work)) {
    throw MountError.of({
      what: 'workdir',
      where,
      why: 'workdir and upperdir must be separate trees',
      errno: Errno.EINVAL,
      advice: 'put them beside each other',
    });
  }
  if (upper.mountId !== work.mountId) {
    throw MountError.of({
      what: 'workdir',
      where,
      why: 'not on the same mount as upperdir',
      errno: Errno.EINVAL,
      advice: 'objects are moved from the workdir into the upper, which is possible only within one mount',
    });
  }
}

/**
 * Refuses a lower layer that is another layer, or is inside one. An upper or work directory inside a lower
 * layer is allowed, as in the kernel.
 * @param what the lowers' name in messages
 * @param others the upper and the work directory
 */
function checkOverlaps(
  what: string,
  lowers: string[],
  locations: DirectoryLocation[],
  others: readonly { name: string; location: DirectoryLocation }[],
): void {
  const layers = new Map(others.map(({ name, location }) => [keyOf(location), name]));
  locations.forEach((location, i) => {
    const other = layers.get(keyOf(location));
    if (other !== undefined) throw overlap(what, lowers[i], `is also ${other}`, 'give each layer once');
    layers.set(keyOf(location), `lower layer ${i + 1}`);
  });
  locations.forEach((location, i) => {
    for (const ancestor of ancestorKeys(location)) {
      const outer = layers.get(ancestor);
      if (outer !== undefined) throw overlap(what, lowers[i], `is inside ${outer}`, 'layers must be separate trees');
    }
  });
}

/** The refusal of a lower layer that is not a separate tree. */
function overlap(what: string, where: string | undefined, why: string, advice: string): MountError {
  return MountError.of({ what, where: where ?? '', why, errno: Errno.ELOOP, advice });
}

/** Refuses a directory in which this user cannot make objects. */
function checkWritable(what: string, path: string | undefined): void {
  if (path === undefined) return;
  try {
    accessSync(Buffer.from(path, 'latin1'), constants.W_OK | constants.X_OK);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw MountError.of({ what, where: path, errno, advice: 'it must be writable; for a read-only mount give -o ro' });
  }
}
