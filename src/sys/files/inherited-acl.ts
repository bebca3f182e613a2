/** ACLs that a new object inherits from its directory (man acl(5), OBJECT CREATION AND DEFAULT ACLs). */
import { isErrno } from '../../core/errno.js';
import { ACL_ACCESS, ACL_DEFAULT } from '../../core/xattr-names.js';
import { removeXattr } from './xattr.js';

/**
 * Removes both ACLs of the directory `fd`, so that only modes count for it and for objects that are created
 * in it (fs/overlayfs/super.c:ovl_workdir_create). The caller sets the mode afterwards, because an inherited
 * ACL has changed it.
 */
export function dropInheritedAcl(fd: number): void {
  for (const acl of [ACL_DEFAULT, ACL_ACCESS]) {
    try {
      removeXattr(fd, '', acl);
    } catch (error) {
      // ENODATA: no ACL was inherited; EOPNOTSUPP: the file system has no ACLs.
      if (!isErrno(error, 'ENODATA', 'EOPNOTSUPP')) throw error;
    }
  }
}
