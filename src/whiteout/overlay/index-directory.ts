/**
 * The index (`index=on`): a directory beside the work directory. Each copy of a lower file with several links
 * has an entry in it, a hard link to the copy. By the entry, the copy is found from every name of the lower
 * file. The entry's name is the lower file's handle in hex (fs/overlayfs/namei.c:ovl_get_index_name). Layout
 * and private xattrs are the kernel's.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { dropInheritedAcl } from '../../sys/files/inherited-acl.js';
import { chmodFd } from '../../sys/files/inode-ops.js';
import { close } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { findXattr, setXattr } from '../../sys/files/xattr.js';
import type { FileIdentity } from '../dialect.js';
import { formatLinkCount, type LinkCount, parseLinkCount } from '../link-count.js';
import { openOrMake } from '../work/make-directory.js';
import { removeTree } from '../work/work-directory.js';
import type { OverlayDialect } from './overlay-dialect.js';
import { decodeOrigin, encodeOrigin } from './overlay-origin.js';

/** Prefix of temporary objects, which the kernel creates here and a crash can leave. */
const TEMPORARY = '#';
const HEX = /^(?:[0-9a-f]{2})+$/i;

export class IndexDirectory {
  private constructor(
    /** Owned until {@link close}. */
    readonly fd: number,
    private readonly dialect: OverlayDialect,
  ) {}

  /**
   * Opens or creates `work`/index. A mark on the upper's root identifies the lower root that it was used
   * with, and a mark on the index identifies its upper. With other layers the entries would mean other files.
   * @param openWork opens `work`
   * @throws LayerRefusal ESTALE if the layers are not those of the marks
   */
  static open(
    { work, upper }: { readonly work: string; readonly upper: string },
    openWork: () => number,
    dialect: OverlayDialect,
    roots: { readonly upperFd: number; readonly upperRoot: FileIdentity; readonly lowerRoot: FileIdentity },
  ): IndexDirectory {
    const parent = openWork();
    try {
      if (!hasMark(roots.upperFd, dialect.originXattr, encodeOrigin(roots.lowerRoot))) {
        throw stale(
          'upperdir',
          upper,
          'was indexed with another top lowerdir',
          'mount it with the lowerdir that it had',
        );
      }
      const index = new IndexDirectory(openIndex(parent), dialect);
      try {
        if (hasMark(index.fd, dialect.indexedUpperXattr, encodeOrigin(roots.upperRoot, true))) return index;
        throw stale('workdir', work, 'its index is of another upperdir', 'use the workdir that this upperdir had');
      } catch (error) {
        index.close();
        throw error;
      }
    } finally {
      close(parent);
    }
  }

  /** Returns the names of all entries. Removes temporary objects of a killed mount first. */
  list(): EntryName[] {
    const names: EntryName[] = [];
    readDirectory(this.fd, (name) => names.push(name));
    for (const name of names) if (name.startsWith(TEMPORARY)) removeTree(this.fd, name);
    return names.filter((name) => !name.startsWith(TEMPORARY));
  }

  entryName(origin: Uint8Array): EntryName {
    // The file has no handle, although its file system has handles.
    if (origin.length === 0) throw fsError(Errno.EIO, 'index');
    return Buffer.from(origin).toString('hex') as EntryName;
  }

  /** Decodes the name of an entry. Throws EINVAL if it is not a known handle (ovl_verify_index). */
  originOf(name: EntryName): Uint8Array {
    const origin = HEX.test(name) ? Buffer.from(name, 'hex') : Buffer.alloc(0);
    if (decodeOrigin(origin) === null) throw fsError(Errno.EINVAL, 'index');
    return origin;
  }

  /** Whether the entry is a copy of the file whose handle is its name. Throws ENODATA if it has no mark. */
  hasOrigin(name: EntryName, origin: Uint8Array): boolean {
    const mark = findXattr(this.fd, name, this.dialect.originXattr);
    if (mark === null || decodeOrigin(mark) === null) throw fsError(Errno.ENODATA, 'index');
    return Buffer.compare(mark, origin) === 0;
  }

  readLinks(name: EntryName): LinkCount | null {
    return parseLinkCount(findXattr(this.fd, name, this.dialect.linksXattr)?.toString('latin1') ?? '');
  }

  /** Stores the number of names of the object `name` in `dirfd` on it. */
  writeLinks(dirfd: number, name: string, count: LinkCount): void {
    setXattr(dirfd, name, this.dialect.linksXattr, Buffer.from(formatLinkCount(count), 'latin1'));
  }

  close(): void {
    close(this.fd);
  }
}

/** Opens or creates the directory, with mode 0, as the kernel does. */
function openIndex(parent: number): number {
  const fd = openOrMake(parent, 'index', 0);
  dropInheritedAcl(fd);
  chmodFd(fd, 0);
  return fd;
}

/** Whether the mark `xattr` of `fd` is `expected`. Sets it if there is none (ovl_verify_set_fh). */
function hasMark(fd: number, xattr: string, expected: Uint8Array): boolean {
  const mark = findXattr(fd, '', xattr);
  if (mark !== null && decodeOrigin(mark) !== null) return Buffer.compare(mark, expected) === 0;
  setXattr(fd, '', xattr, expected);
  return true;
}

function stale(what: string, path: string, why: string, advice: string): LayerRefusal {
  return new LayerRefusal(Errno.ESTALE, what, path, why, `${advice}, or with index=off`);
}
