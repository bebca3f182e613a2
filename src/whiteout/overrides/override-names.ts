/** Names of the xattrs by which a layer keeps attributes that its objects themselves do not have. */
import { SECURITY, USER } from '../../core/xattr-names.js';

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
 * Whether an xattr on disk is one of these, in any layer. Such an xattr is never shown and never copied up.
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
