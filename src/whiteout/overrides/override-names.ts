/** Names of the xattrs in which a layer keeps attributes that its objects do not physically have. */
import { SECURITY, USER } from '../../core/xattr-names.js';

/** Can be set with CAP_SYS_ADMIN only: `xattr_permissions=1`. */
export const PRIVILEGED_OVERRIDE = 'security.fuseoverlayfs.override_stat';
/** Can be set by any owner of a file: `xattr_permissions=2`, and containers/storage with `force_mask`. */
export const CONTAINERS_OVERRIDE = 'user.containers.override_stat';
/** Of fuse-overlayfs 1.x: `xattr_permissions=2`. */
export const FOREIGN_OVERRIDE = 'user.fuseoverlayfs.override_stat';

/** Is put before the name of a `security.` xattr, which an ordinary user cannot set. */
export const OVERRIDE_PREFIX = 'user.containers.override_';

/** All names that container tools and fuse-overlayfs reserve. */
const PREFIXES = [OVERRIDE_PREFIX, 'user.fuseoverlayfs.', 'security.fuseoverlayfs.'];

/**
 * Whether an xattr on disk has a reserved name. No layer's xattr of such a name is shown or copied up.
 */
export function isOverrideXattr(name: string): boolean {
  return PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * Follows the namespace in the on-disk name of an xattr that an application in the mount has set under a
 * reserved name.
 */
const ESCAPE = 'plyfs.escaped.';
const NAMESPACES = [USER, SECURITY];

/**
 * The name on disk for the xattr that an application calls `name`. fuse-overlayfs or plyfs in a container
 * must be able to set these attributes. Unescaped, they would let it take over any file once the layer is
 * mounted with `xattr_permissions`.
 */
export function escapeOverride(name: string): string {
  const namespace = NAMESPACES.find((one) => name.startsWith(one));
  if (namespace === undefined) return name;
  const isReserved = isOverrideXattr(name) || name.startsWith(namespace + ESCAPE);
  return isReserved ? namespace + ESCAPE + name.slice(namespace.length) : name;
}

/** The name that applications see for the on-disk xattr `name`; null: it is not shown. */
export function unescapeOverride(name: string): string | null {
  if (isOverrideXattr(name)) return null;
  const namespace = NAMESPACES.find((one) => name.startsWith(one + ESCAPE));
  if (namespace === undefined) return name;
  const shown = namespace + name.slice(namespace.length + ESCAPE.length);
  // A name that escapeOverride never makes: applications could not read it, so they do not see it.
  return escapeOverride(shown) === name ? shown : null;
}
