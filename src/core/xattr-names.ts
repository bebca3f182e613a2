/** Names of extended attributes that the kernel defines (man xattr(7), linux/xattr.h). */

/** Length of the longest name, in bytes (linux/limits.h). */
export const XATTR_NAME_MAX = 255;

/** Namespaces: what a name begins with. */
export const SECURITY = 'security.';
export const TRUSTED = 'trusted.';
export const USER = 'user.';

/** File capabilities (man capabilities(7)). */
export const CAPABILITY = 'security.capability';

export const ACL_ACCESS = 'system.posix_acl_access';
export const ACL_DEFAULT = 'system.posix_acl_default';

/** Whether the xattr of this name is an ACL. */
export function isAcl(xattr: string): boolean {
  return xattr === ACL_ACCESS || xattr === ACL_DEFAULT;
}
