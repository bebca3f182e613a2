/**
 * Refuses layers that another mount uses as its upper or work directory, or that are inside one. The kernel
 * does so with `index=on` (fs/overlayfs/super.c:ovl_check_layer, ovl_is_inuse): if the other mount replaces a
 * lower file, the index names a wrong file.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { isMarkedInUse } from '../../sys/locks/use-mark.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import type { MountConfig } from '../config/mount-config.js';
import { errnoOf, MountError } from '../config/mount-error.js';
import { ancestorKeys, type DirectoryLocation, keyOf, LocationFinder, pathThrough } from './directory-location.js';

/** How long a server on a busy machine may need to end after the unmount, in milliseconds. */
const ENDING_MS = 3000;
/** How long to wait between two checks, in milliseconds. */
const PAUSE_MS = 10;

/**
 * Checks all layers of a mount.
 * @param config a config whose layers exist
 * @throws {@link MountError} EBUSY for the first layer that is in use
 */
export function refuseLayersInUse(config: MountConfig): void {
  for (const deadline = Date.now() + ENDING_MS; ; ) {
    const mounts = readMountinfo();
    const finder = new LocationFinder(mounts);
    const byKernel = usedByKernel(mounts, finder);
    const used = findLayerInUse(config, finder, (location) => byKernel.has(keyOf(location)));
    if (used !== undefined) throw used;
    const marked = findLayerInUse(
      config,
      finder,
      memoized((location) => isMarked(location, mounts, finder)),
    );
    if (marked === undefined) return;
    // The other mount may have been unmounted already, and its server may end soon: check again.
    if (Date.now() >= deadline) throw marked;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

/** Whether another mount uses the directory as its upper or work directory. */
type UsageTest = (location: DirectoryLocation) => boolean;

/** The refusal of the first layer that is in use, or inside a directory that is. */
function findLayerInUse(
  { lowers, upper, work }: MountConfig,
  finder: LocationFinder,
  isUsed: UsageTest,
): MountError | undefined {
  for (const path of lowers) {
    const location = finder.find(path);
    if (isUsed(location) || isInsideUsed(location, isUsed)) return inUse('lowerdir', path);
  }
  // The upper's work directory itself is not checked here: the union locks it when it opens it.
  if (upper !== undefined) {
    const location = finder.find(upper);
    if (isUsed(location) || isInsideUsed(location, isUsed)) return inUse('upperdir', upper);
  }
  if (work !== undefined && isInsideUsed(finder.find(work), isUsed)) return inUse('workdir', work);
  return undefined;
}

/** Whether a directory above `location` is in use. */
function isInsideUsed(location: DirectoryLocation, isUsed: UsageTest): boolean {
  for (const key of ancestorKeys(location)) {
    if (isUsed({ ...location, path: key.slice(location.device.length + 1) })) return true;
  }
  return false;
}

/**
 * The keys of the upper and work directories of the kernel's overlays in this mount namespace, if the options
 * of these mounts show their paths.
 */
function usedByKernel(mounts: readonly MountEntry[], finder: LocationFinder): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { type, fileSystemOptions } of mounts) {
    if (type !== 'overlay') continue;
    for (const option of fileSystemOptions) {
      const [, path] = /^(?:upperdir|workdir)=(\/.*)$/.exec(option) ?? [];
      const location = path === undefined ? undefined : findIfReachable(() => finder.find(path));
      if (location !== undefined) keys.add(keyOf(location));
    }
  }
  return keys;
}

/** Remembers the answer for each directory; layers share most of their ancestors. */
function memoized(test: UsageTest): UsageTest {
  const answers = new Map<string, boolean>();
  return (location) => {
    const key = keyOf(location);
    const answer = answers.get(key) ?? test(location);
    answers.set(key, answer);
    return answer;
  };
}

/**
 * Whether the directory has the mark of a server that uses it. The mark is read through a mount that shows
 * the directory; false if no mount does.
 */
function isMarked(location: DirectoryLocation, mounts: readonly MountEntry[], finder: LocationFinder): boolean {
  for (const mount of mounts) {
    if (mount.device !== location.device) continue;
    const path = pathThrough(mount, location.path);
    // Another mount may hide the directory there.
    const found = path === null ? undefined : findIfReachable(() => finder.find(path));
    if (path !== null && found !== undefined && keyOf(found) === keyOf(location)) return hasMark(path);
  }
  return false;
}

/** Whether a server has marked the directory as its upper or work directory. */
function hasMark(path: string): boolean {
  const fd = openSync(Buffer.from(path, 'latin1'), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return isMarkedInUse(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Calls `find`. Undefined for any errno: the directory cannot be opened, has been removed, or is on a mount
 * whose server has died.
 */
function findIfReachable(find: () => DirectoryLocation): DirectoryLocation | undefined {
  try {
    return find();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

/** The refusal of a layer. */
function inUse(what: string, where: string): MountError {
  return MountError.of({
    what,
    where,
    why: 'in use as upperdir or workdir of another mount, or inside one',
    errno: Errno.EBUSY,
    advice: 'unmount that one first, or mount with index=off',
  });
}
