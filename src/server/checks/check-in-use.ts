/**
 * Refuses layers that another mount uses as its upper or work directory, or that are inside of one, as the
 * kernel does with `index=on` (fs/overlayfs/super.c:ovl_check_layer, ovl_is_inuse): if a lower file is
 * replaced, the index names another file.
 */
import { closeSync, constants, openSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { isMarkedInUse } from '../../sys/locks/use-mark.js';
import { type MountEntry, readMountinfo } from '../../sys/mountinfo.js';
import type { MountConfig } from '../config/mount-config.js';
import { errnoOf, MountError } from '../config/mount-error.js';
import { ancestorKeys, type DirectoryLocation, keyOf, LocationFinder } from './directory-location.js';

/** How long a server on a busy machine may need to end after its mount is gone, in milliseconds. */
const ENDING_MS = 3000;
const PAUSE_MS = 10;

/**
 * @param config its layers exist
 * @throws {@link MountError} EBUSY for the first layer that is in use
 */
export function refuseLayersInUse(config: MountConfig): void {
  for (const deadline = Date.now() + ENDING_MS; ; ) {
    const mounts = readMountinfo();
    const finder = new LocationFinder(mounts);
    const byKernel = usedByKernel(mounts, finder);
    const used = findLayerInUse(config, finder, (place) => byKernel.has(keyOf(place)));
    if (used !== undefined) throw used;
    const marked = findLayerInUse(
      config,
      finder,
      remembering((place) => isMarked(place, mounts, finder)),
    );
    if (marked === undefined) return;
    // The mount may be gone already, and its server about to end: look again.
    if (Date.now() >= deadline) throw marked;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
  }
}

type Test = (place: DirectoryLocation) => boolean;

function findLayerInUse(
  { lowers, upper, work }: MountConfig,
  finder: LocationFinder,
  isUsed: Test,
): MountError | undefined {
  for (const path of lowers) {
    const place = finder.find(path);
    if (isUsed(place) || isInsideUsed(place, isUsed)) return inUse('lowerdir', path);
  }
  // Opening the work directory finds out whether it is in use itself.
  if (upper !== undefined) {
    const place = finder.find(upper);
    if (isUsed(place) || isInsideUsed(place, isUsed)) return inUse('upperdir', upper);
  }
  if (work !== undefined && isInsideUsed(finder.find(work), isUsed)) return inUse('workdir', work);
  return undefined;
}

function isInsideUsed(place: DirectoryLocation, isUsed: Test): boolean {
  for (const key of ancestorKeys(place)) {
    if (isUsed({ ...place, path: key.slice(place.device.length + 1) })) return true;
  }
  return false;
}

/**
 * Keys of the upper and work directories of the kernel's overlays in this mount namespace, as far as their
 * options show them.
 */
function usedByKernel(mounts: readonly MountEntry[], finder: LocationFinder): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const { type, fileSystemOptions } of mounts) {
    if (type !== 'overlay') continue;
    for (const option of fileSystemOptions) {
      const [, path] = /^(?:upperdir|workdir)=(\/.*)$/.exec(option) ?? [];
      const place = path === undefined ? undefined : unlessUnreachable(() => finder.find(path));
      if (place !== undefined) keys.add(keyOf(place));
    }
  }
  return keys;
}

/** Asks `test` once for each place: layers share most of their ancestors. */
function remembering(test: Test): Test {
  const answers = new Map<string, boolean>();
  return (place) => {
    const key = keyOf(place);
    const answer = answers.get(key) ?? test(place);
    answers.set(key, answer);
    return answer;
  };
}

/** Whether the directory has a mark, looked up through a mount that shows it. False if no mount shows it. */
function isMarked(place: DirectoryLocation, mounts: readonly MountEntry[], finder: LocationFinder): boolean {
  for (const mount of mounts) {
    if (mount.device !== place.device) continue;
    const path = pathIn(mount, place.path);
    // Another mount may hide it there.
    const found = path === null ? undefined : unlessUnreachable(() => finder.find(path));
    if (path !== null && found !== undefined && keyOf(found) === keyOf(place)) return hasMark(path);
  }
  return false;
}

/** The path at which `mount` shows `path`, a path in its file system; null: it does not show it. */
function pathIn({ root, mountpoint }: MountEntry, path: string): string | null {
  const prefix = root === '/' ? '' : root;
  if (path !== root && !path.startsWith(`${prefix}/`)) return null;
  const rest = path === root ? '' : path.slice(prefix.length);
  return `${mountpoint === '/' ? '' : mountpoint}${rest}` || '/';
}

function hasMark(path: string): boolean {
  const fd = openSync(Buffer.from(path, 'latin1'), constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    return isMarkedInUse(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * Undefined for any errno: the directory cannot be opened, is gone, or is on a mount whose server has died.
 */
function unlessUnreachable(find: () => DirectoryLocation): DirectoryLocation | undefined {
  try {
    return find();
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return undefined;
  }
}

function inUse(what: string, where: string): MountError {
  return MountError.of({
    what,
    where,
    why: 'in use as upperdir or workdir of another mount, or inside of one',
    errno: Errno.EBUSY,
    advice: 'unmount that one first, or mount with index=off',
  });
}
