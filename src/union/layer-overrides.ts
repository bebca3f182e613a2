/** Which layers' attributes are those in their xattrs. */
import { displayName } from '../core/entry-name.js';
import { Errno, FsError } from '../core/errno.js';
import { FileStat } from '../core/file-stat.js';
import { LayerRefusal } from '../core/layer-refusal.js';
import { readDirectory } from '../sys/files/read-directory.js';
import { statFd } from '../sys/files/stat.js';
import { isInitialNamespace } from '../whiteout/overlay/overlay-namespace.js';
import { StatOverrides } from '../whiteout/overrides/stat-overrides.js';
import type { Layer } from './layers/layer.js';
import type { UnionConfig } from './union-config.js';

type Asked = Pick<UnionConfig, 'overrides' | 'log'>;

/** Anybody's layer could make files root's, devices among them, where we serve as the machine's root. */
const isMachineRoot = process.geteuid?.() === 0 && isInitialNamespace();

/**
 * The attributes that the lower layer `path` keeps in xattrs, if its root says so and may be believed: an
 * `xattr_permissions` option vouches for all layers.
 * @param root open, with the stat `stat`
 */
export function overridesOfLower(config: Asked, path: string, root: number, stat: FileStat): StatOverrides | null {
  return believed(config, path, stat, StatOverrides.of(root, null, config.log));
}

/** As {@link overridesOfLower}; those that are asked for are kept from now on. */
export function overridesOfUpper(config: Asked, path: string, root: number, stat: FileStat): StatOverrides | null {
  return believed(config, path, stat, StatOverrides.of(root, config.overrides ?? null, config.log));
}

function believed(
  { overrides, log }: Asked,
  path: string,
  { uid }: FileStat,
  found: StatOverrides | null,
): StatOverrides | null {
  if (found === null || !found.isSettableByUsers || overrides !== undefined || !isMachineRoot || uid === 0)
    return found;
  log(
    `${displayName(path)}: the attributes in its xattrs (${found.name}) are not shown, because it belongs to user ${uid}; xattr_permissions=2 shows them`,
  );
  return null;
}

/**
 * Makes an upper that keeps its attributes in xattrs say so. Its root goes on looking as it did, or like that
 * of the first lower layer of this kind, which container engines have made its root after.
 * @throws LayerRefusal if such an xattr cannot be set, or if the upper has something in it already: whose
 * xattrs those are, nobody can know, and one that its owner has set would make a file root's
 */
export function markUpper(upper: Layer, lowers: readonly Layer[]): void {
  if (upper.overrides === null) return;
  if (upper.overrides.isMarked(upper.root.fd)) return;
  refuseContent(upper, upper.overrides.name);
  const stat = new FileStat();
  const like = lowers.find((lower) => lower.overrides !== null) ?? upper;
  statFd(like.root.fd, stat);
  like.overrides?.apply(like.root.fd, '', stat);
  try {
    upper.overrides.markRoot(upper.root.fd, stat);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    const why = `cannot keep owners and modes in xattrs: setting ${upper.overrides.name} failed`;
    const advice = upper.overrides.isSettableByUsers
      ? 'xattr_permissions=2 takes a file system with user xattrs, and an upperdir that is yours'
      : "xattr_permissions=1 is for the machine's root; others have xattr_permissions=2";
    throw new LayerRefusal(error.errno, 'upperdir', upper.path, why, advice);
  }
}

function refuseContent({ root, path }: Layer, xattr: string): void {
  let isEmpty = true;
  readDirectory(root.fd, () => {
    isEmpty = false;
  });
  if (isEmpty) return;
  throw new LayerRefusal(
    Errno.EINVAL,
    'upperdir',
    path,
    `has files that were made without xattr_permissions: its root has no ${xattr}`,
    'give an empty one, or leave the option out',
  );
}
