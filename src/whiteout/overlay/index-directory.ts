/**
 * The index (`index=on`): a directory beside the work directory in which each copy of a lower file with
 * several links has an entry, a hard link to the copy, by which it is found from every name of the lower
 * file. The entry's name is that file's handle in hex (fs/overlayfs/namei.c:ovl_get_index_name). Layout and
 * private xattrs as the kernel's.
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError, isErrno } from '../../core/errno.js';
import { LayerRefusal } from '../../core/layer-refusal.js';
import { dropInheritedAcl } from '../../sys/files/inherited-acl.js';
import { chmodFd, mkdirAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { findXattr, setXattr } from '../../sys/files/xattr.js';
import type { FileIdentity } from '../dialect.js';
import { formatLinkCount, type LinkCount, parseLinkCount } from '../link-count.js';
import { removeTree } from '../work/work-directory.js';
import type { OverlayDialect } from './overlay-dialect.js';
import { decodeOrigin, encodeOrigin } from './overlay-origin.js';

/** Prefix of what the kernel, which makes its temporary objects here, left when it was killed. */
const TEMPORARY = '#';
const HEX = /^(?:[0-9a-f]{2})+$/i;

export class IndexDirectory {
  private constructor(
    /** Owned until {@link close}. */
    readonly fd: number,
    private readonly dialect: OverlayDialect,
  ) {}

  /**
   * Opens `work`/index, or makes it. The upper's root says which lower root it was used with, and the index
   * which upper: entries would mean other files with others.
   * @param openWork opens `work`
   * @throws LayerRefusal ESTALE if they are others
   */
  static open(
    { work, upper }: { readonly work: string; readonly upper: string },
    openWork: () => number,
    dialect: OverlayDialect,
    roots: { readonly upper: number; readonly ofUpper: FileIdentity; readonly ofLower: FileIdentity },
  ): IndexDirectory {
    const parent = openWork();
    try {
      if (!isNoted(roots.upper, dialect.originXattr, encodeOrigin(roots.ofLower))) {
        throw stale(
          'upperdir',
          upper,
          'was indexed with another top lowerdir',
          'mount it with the lowerdir that it had',
        );
      }
      const index = new IndexDirectory(openOrMake(parent), dialect);
      try {
        if (isNoted(index.fd, dialect.indexedUpperXattr, encodeOrigin(roots.ofUpper, true))) return index;
        throw stale('workdir', work, 'its index is of another upperdir', 'use the workdir that this upperdir had');
      } catch (error) {
        index.close();
        throw error;
      }
    } finally {
      close(parent);
    }
  }

  /** Names of entries; what is left of changes that never ended is removed first. */
  list(): EntryName[] {
    const names: EntryName[] = [];
    readDirectory(this.fd, (name) => names.push(name));
    for (const name of names) if (name.startsWith(TEMPORARY)) removeTree(this.fd, name);
    return names.filter((name) => !name.startsWith(TEMPORARY));
  }

  entryName(origin: Uint8Array): EntryName {
    // A file without a handle, on a file system that has them.
    if (origin.length === 0) throw fsError(Errno.EIO, 'index');
    return Buffer.from(origin).toString('hex') as EntryName;
  }

  /** What the name of an entry says; EINVAL: it is none that we know (ovl_verify_index). */
  originOf(name: EntryName): Uint8Array {
    const origin = HEX.test(name) ? Buffer.from(name, 'hex') : Buffer.alloc(0);
    if (decodeOrigin(origin) === null) throw fsError(Errno.EINVAL, 'index');
    return origin;
  }

  /** Whether the entry is of the file that it is named for; ENODATA: it does not say. */
  isNamedRight(name: EntryName, origin: Uint8Array): boolean {
    const noted = findXattr(this.fd, name, this.dialect.originXattr);
    if (noted === null || decodeOrigin(noted) === null) throw fsError(Errno.ENODATA, 'index');
    return Buffer.compare(noted, origin) === 0;
  }

  readLinks(name: EntryName): LinkCount | null {
    return parseLinkCount(findXattr(this.fd, name, this.dialect.linksXattr)?.toString('latin1') ?? '');
  }

  /** Writes on the object `name` under `dirfd` how many names it has. */
  writeLinks(dirfd: number, name: string, count: LinkCount): void {
    setXattr(dirfd, name, this.dialect.linksXattr, Buffer.from(formatLinkCount(count), 'latin1'));
  }

  close(): void {
    close(this.fd);
  }
}

/** The kernel makes it with mode 0, as the work directory. */
function openOrMake(parent: number): number {
  try {
    mkdirAt(parent, 'index', 0);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
  }
  const fd = openDirectoryAt(parent, 'index');
  dropInheritedAcl(fd);
  chmodFd(fd, 0);
  return fd;
}

/**
 * Whether `fd` says `expected` in `xattr`; where there is nothing it does from now on (ovl_verify_set_fh).
 */
function isNoted(fd: number, xattr: string, expected: Uint8Array): boolean {
  const noted = findXattr(fd, '', xattr);
  if (noted !== null && decodeOrigin(noted) !== null) return Buffer.compare(noted, expected) === 0;
  setXattr(fd, '', xattr, expected);
  return true;
}

function stale(what: string, path: string, why: string, advice: string): LayerRefusal {
  return new LayerRefusal(Errno.ESTALE, what, path, why, `${advice}, or with index=off`);
}
