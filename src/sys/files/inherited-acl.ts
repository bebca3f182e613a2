/**
 * ACLs that a new object inherits from its directory's default ACL (man acl(5), OBJECT CREATION AND DEFAULT
 * ACLs).
 */
import { isErrno } from '../../core/errno.js';
import { ACL_ACCESS, ACL_DEFAULT } from '../../core/xattr-names.js';
import { removeXattr } from './xattr.js';

/**
 * Removes both ACLs of the directory `fd`, so that its mode alone decides, also for all objects that are made
 * in it (fs/overlayfs/super.c:ovl_workdir_create). The caller sets the mode afterwards: an ACL has limited
 * it.
 */
export function dropInheritedAcl(fd: number): void {
  for (const acl of [ACL_DEFAULT, ACL_ACCESS]) {
    try {
      removeXattr(fd, '', acl);
    } catch (error) {
      // ENODATA: none was inherited; EOPNOTSUPP: a file system without ACLs.
      if (!isErrno(error, 'ENODATA', 'EOPNOTSUPP')) throw error;
    }
  }
}
