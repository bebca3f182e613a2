/** ACLs that a new object has from its directory's default ACL (man acl(5), OBJECT CREATION AND DEFAULT ACLs). */
import { isErrno } from '../core/errno.js';
import { removeXattr } from './xattr.js';

/**
 * Takes both ACLs from the directory `fd`, which is to be as its mode says, and so must be all that is made in it
 * (fs/overlayfs/super.c:ovl_workdir_create). The mode is set afterwards: an ACL that limits it leaves its limit behind.
 */
export function dropInheritedAcl(fd: number): void {
  for (const acl of ['system.posix_acl_default', 'system.posix_acl_access']) {
    try {
      removeXattr(fd, '', acl);
    } catch (error) {
      // ENODATA: none was inherited; EOPNOTSUPP: a file system without ACLs.
      if (!isErrno(error, 'ENODATA', 'EOPNOTSUPP')) throw error;
    }
  }
}
