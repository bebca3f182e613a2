/** Decides for each layer whether owners, modes and types are read from xattrs of its files. */
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

type OverrideConfig = Pick<UnionConfig, 'overrides' | 'log'>;

/**
 * Whether the server runs as root of the machine. Then a layer that belongs to an ordinary user must not be
 * able to show files as owned by root, or as devices.
 */
const isMachineRoot = process.geteuid?.() === 0 && isInitialNamespace();

/**
 * Reads the attributes that the lower layer `path` keeps in xattrs. null: the layer's root has no mark for
 * this, or the mark is not trusted. The option `xattr_permissions` makes all layers trusted.
 * @param root an fd of the layer's root, whose stat is `stat`
 */
export function overridesOfLower(
  config: OverrideConfig,
  path: string,
  root: number,
  stat: FileStat,
): StatOverrides | null {
  return ifTrusted(config, path, stat, StatOverrides.of(root, null, config.log));
}

/**
 * Does for the upper what {@link overridesOfLower} does for a lower layer. If the mount has
 * `xattr_permissions`, the upper keeps attributes in xattrs from now on.
 */
export function overridesOfUpper(
  config: OverrideConfig,
  path: string,
  root: number,
  stat: FileStat,
): StatOverrides | null {
  return ifTrusted(config, path, stat, StatOverrides.of(root, config.overrides ?? null, config.log));
}

function ifTrusted(
  { overrides, log }: OverrideConfig,
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
 * Marks the root of an upper that keeps its attributes in xattrs. The mark also stores attributes of the
 * root. They are those of the root of the first lower layer that keeps attributes in xattrs, because
 * container engines copy them too. If there is no such layer, they are those of the upper's own root.
 * @throws LayerRefusal if the xattr cannot be set, or if an upper without the mark is not empty: xattrs of
 * its files could have been set by their owner, and would make a file belong to root
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
