/** Names of the xattrs by which a layer keeps attributes that its objects themselves do not have. */

/** Set by whoever has CAP_SYS_ADMIN: `xattr_permissions=1`. */
export const PRIVILEGED_OVERRIDE = 'security.fuseoverlayfs.override_stat';
/** Set by anybody: `xattr_permissions=2`, and containers/storage with `force_mask`. */
export const CONTAINERS_OVERRIDE = 'user.containers.override_stat';
/** Of fuse-overlayfs 1.x: `xattr_permissions=2`. */
export const FOREIGN_OVERRIDE = 'user.fuseoverlayfs.override_stat';

/** What is before a `security.` xattr that an ordinary user could not set. */
export const OVERRIDE_PREFIX = 'user.containers.override_';

/** All that container tools and fuse-overlayfs keep for themselves. */
const PREFIXES = [OVERRIDE_PREFIX, 'user.fuseoverlayfs.', 'security.fuseoverlayfs.'];

/**
 * Whether an xattr is one of these, whatever the layer: shown nowhere and set by nobody, because who could set one would
 * own any file as soon as the layer is taken for one that keeps attributes so.
 */
export function isOverrideXattr(name: string): boolean {
  return PREFIXES.some((prefix) => name.startsWith(prefix));
}
