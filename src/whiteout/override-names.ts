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

/** Whether an xattr is one of these on disk, whatever the layer: shown nowhere, and copied up by nobody. */
export function isOverrideXattr(name: string): boolean {
  return PREFIXES.some((prefix) => name.startsWith(prefix));
}

/** After the namespace: the rest is the name of an attribute that an application inside of a mount has set. */
const ESCAPE = 'plyfs.escaped.';
const NAMESPACES = ['user.', 'security.'];

/**
 * The name by which a layer has what an application calls `name`. An application that is itself such a program, in a container,
 * must be able to set these attributes, and they must mean nothing to whoever mounts the layer: with them it could own any file
 * as soon as the layer is taken for one that keeps attributes so.
 */
export function escapeOverride(name: string): string {
  const namespace = NAMESPACES.find((one) => name.startsWith(one));
  if (namespace === undefined) return name;
  const isReserved = isOverrideXattr(name) || name.startsWith(namespace + ESCAPE);
  return isReserved ? namespace + ESCAPE + name.slice(namespace.length) : name;
}

/** What an application calls an attribute that a layer has as `name`; null: it is not shown. */
export function unescapeOverride(name: string): string | null {
  if (isOverrideXattr(name)) return null;
  const namespace = NAMESPACES.find((one) => name.startsWith(one + ESCAPE));
  if (namespace === undefined) return name;
  const shown = namespace + name.slice(namespace.length + ESCAPE.length);
  // Made by hand: no application could ask for it.
  return escapeOverride(shown) === name ? shown : null;
}
