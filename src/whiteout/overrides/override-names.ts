/** Names of the xattrs in which a layer keeps attributes that its objects do not physically have. */
import { SECURITY, USER } from '../../core/xattr-names.js';

/** Used with `xattr_permissions=1`. Only a process with CAP_SYS_ADMIN can set it. */
export const PRIVILEGED_OVERRIDE = 'security.fuseoverlayfs.override_stat';
/**
 * Used with `xattr_permissions=2`, and by containers/storage with `force_mask`. The owner of a file can set
 * it.
 */
export const CONTAINERS_OVERRIDE = 'user.containers.override_stat';
/** Used by fuse-overlayfs 1.x with `xattr_permissions=2`. */
export const FOREIGN_OVERRIDE = 'user.fuseoverlayfs.override_stat';

/**
 * Prefix of the on-disk name of a `security.` xattr. Under its own name an ordinary user could not set it.
 */
export const OVERRIDE_PREFIX = 'user.containers.override_';

/** All names that container tools and fuse-overlayfs reserve. */
const PREFIXES = [OVERRIDE_PREFIX, 'user.fuseoverlayfs.', 'security.fuseoverlayfs.'];

/**
 * Whether an xattr on disk has a reserved name. The mount never shows an xattr under such a name, and a
 * copy-up never copies it under this name.
 */
export function isOverrideXattr(name: string): boolean {
  return PREFIXES.some((prefix) => name.startsWith(prefix));
}

/**
 * Marks an xattr that an application in the mount has set under a reserved name. On disk, this text follows
 * the namespace in the name of the xattr.
 */
const ESCAPE = 'plyfs.escaped.';
const NAMESPACES = [USER, SECURITY];

/**
 * The name on disk for the xattr that an application calls `name`. Reserved names are escaped: a container
 * whose root is on this mount can run fuse-overlayfs or plyfs, which set xattrs of reserved names. If these
 * xattrs had the same names on disk, the container could give any file another owner or mode as soon as the
 * layer is mounted with `xattr_permissions`.
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
  // If escapeOverride never returns `name`, applications could not read the xattr, so it is not listed
  // either.
  return escapeOverride(shown) === name ? shown : null;
}
