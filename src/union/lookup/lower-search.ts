/**
 * Searches the layers below an object for the other parts of the same object. A part has the same name in the
 * merged parent, or it is where a redirect leads (fs/overlayfs/namei.c:ovl_lookup, ovl_lookup_layer). The
 * search continues only downwards, layer by layer, so redirects cannot form a loop. It never leaves a layer,
 * because it looks up each component of a path separately.
 */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError } from '../../core/errno.js';
import { isDirectory, isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { type Marks, NO_MARKS } from '../../whiteout/marks.js';
import { type Layer, RealDirectory } from '../layers/layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import { refuseUnfollowed } from '../objects/unfollowed-data.js';
import type { Union } from '../state/union.js';
import { isOpaqueByFile, nameInLayer } from './name-in-layer.js';

/** The object from which a search starts. */
export interface SearchStart {
  /** Its merged parent. */
  readonly dir: DirectoryNode;
  readonly name: EntryName;
  /** The real directory of `dir` that contains it. */
  readonly home: RealDirectory;
  /**
   * Those real directories of `dir` below `home` that are known to contain a directory of this name, top
   * first; null: not known.
   */
  readonly listed: readonly RealDirectory[] | null;
}

/** One part that the search has found. */
export interface Step {
  /** The real directory that contains it. */
  readonly home: RealDirectory;
  /** Its name there. */
  readonly name: EntryName;
}

const scratch = new FileStat();

/**
 * The shortest value of a metacopy mark, in bytes, except for an empty one
 * (fs/overlayfs/overlayfs.h:OVL_METACOPY_MIN_SIZE).
 */
const MIN_METACOPY = 4;

/** One search; see the top of this file. */
export class LowerSearch {
  private readonly dir: DirectoryNode;
  private readonly name: EntryName;
  /** The name to look up in each candidate, or, beginning with `/`, a path from the root of each layer. */
  private path: string;
  /** Directories to search, top first. */
  private candidates: readonly RealDirectory[];
  /** The index of the candidate that is searched next. */
  private nextCandidate = 0;
  /** The candidates are known to contain the name. */
  private candidatesHaveName: boolean;
  private hasEnded = false;
  /** The last redirect that was followed was an absolute one. */
  private isAbsolute = false;
  /** The last redirect that was followed. */
  private redirect: string | null = null;
  /** The search is for the data of a file, and has found only attributes so far. */
  wantsData = false;
  /** The marks of the object from which the search starts. */
  readonly marks: Marks;

  /** @param wanted the type to search for; an object of another type ends the search */
  constructor(
    private readonly union: Union,
    { dir, name, home, listed }: SearchStart,
    private readonly wanted: 'directory' | 'file',
  ) {
    this.dir = dir;
    this.name = name;
    this.path = name;
    const below = dir.lowers.filter((lower) => lower.layer.depth > home.layer.depth);
    this.candidates = listed ?? below;
    this.candidatesHaveName = listed !== null;
    this.marks = this.marksOf(home, name, below.length, true);
    this.applyMarks(this.marks, home.layer, '', '');
  }

  /**
   * The path from the root of each layer at which the data should be: set if an absolute redirect led there
   * and the search found only attributes.
   */
  get absolutePath(): string | null {
    return this.wantsData && this.isAbsolute ? this.path : null;
  }

  /**
   * The next part, one or more layers further down; null: there are no more.
   * @param into takes the stat of a part that is a file; for others its content is undefined
   */
  next(into: FileStat): Step | null {
    while (!this.hasEnded && this.nextCandidate < this.candidates.length) {
      if (this.wanted === 'file') this.checkFollowed();
      const candidate = this.candidates[this.nextCandidate++] as RealDirectory;
      const step = this.path.startsWith('/')
        ? this.followPath(candidate, into)
        : this.lookUpComponent(candidate, this.path, '', '', into);
      if (step !== null) return step;
    }
    return null;
  }

  /** All parts that are left, top first. For a search for directories. */
  directories(): RealDirectory[] {
    const found: RealDirectory[] = [];
    for (let step = this.next(scratch); step !== null; step = this.next(scratch)) found.push(directoryAt(step));
    return found;
  }

  /** Follows the path from the root of one layer. Redirects of its directories can change the path. */
  private followPath(root: RealDirectory, into: FileStat): Step | null {
    let home = root;
    let done = '';
    let rest = this.path;
    for (;;) {
      const end = rest.indexOf('/', 1);
      const name = end < 0 ? rest.slice(1) : rest.slice(1, end);
      const post = end < 0 ? '' : rest.slice(end);
      if (name === '.' || name === '..') throw fsError(Errno.EACCES, 'redirect');
      const step = this.lookUpComponent(home, name, `${done}/`, post, into);
      if (step === null || post === '') return step;
      home = new RealDirectory(home.layer, home, name as EntryName);
      // A redirect of this directory applies to the layers below. In this layer the walk continues in the
      // directory itself.
      rest = post;
      done = this.path.slice(0, this.path.length - post.length);
    }
  }

  /** Looks up one component. `before` and `after` are the rest of an absolute path. */
  private lookUpComponent(
    home: RealDirectory,
    name: string,
    before: string,
    after: string,
    into: FileStat,
  ): Step | null {
    const { layer } = home;
    const isLast = after === '';
    if (!this.candidatesHaveName) {
      const last = this.nextCandidate === this.candidates.length;
      const presence = nameInLayer(this.union, home, name as EntryName, into, last);
      if (presence === 'absent') return null;
      const wanted = isLast && this.wanted === 'file' ? isRegular(into.mode) : isDirectory(into.mode);
      if (presence === 'whiteout' || !wanted) {
        this.hasEnded = true;
        return null;
      }
    }
    const marks = this.marksOf(home, name as EntryName, this.candidates.length - this.nextCandidate, isLast);
    this.applyMarks(marks, layer, before, after);
    return { home, name: name as EntryName };
  }

  /** Applies the marks of the part that was found: they can stop the search, or change where it continues. */
  private applyMarks(marks: Marks, layer: Layer, before: string, after: string): void {
    if (this.wanted === 'file' && after === '') {
      this.wantsData = marks.metacopy !== null;
      this.checkMetacopy(marks.metacopy);
    }
    if (marks.opaque || (this.wanted === 'file' && after === '' && !this.wantsData)) {
      this.hasEnded = true;
      return;
    }
    const { redirect } = marks;
    if (redirect === null) return;
    this.checkRedirect(redirect);
    const absolute = redirect.startsWith('/');
    this.isAbsolute = absolute;
    this.redirect = redirect;
    this.path = absolute ? redirect + after : before + redirect + after;
    if (absolute) this.hasEnded = false;
    const places = this.path.startsWith('/') ? this.union.stack.lowers.map(({ root }) => root) : this.dir.lowers;
    this.candidates = places.filter((place) => place.layer.depth > layer.depth);
    this.nextCandidate = 0;
    this.candidatesHaveName = false;
  }

  private checkRedirect(redirect: string): void {
    const valid = redirect.startsWith('/')
      ? !redirect.endsWith('/') && !redirect.includes('//')
      : redirect !== '' && !redirect.includes('/');
    if (!valid || redirect.includes('\0')) {
      this.union.log(`invalid redirect in a layer: ${displayName(redirect as EntryName)}`);
      throw fsError(Errno.EINVAL, 'redirect');
    }
    if (redirect === '.' || redirect === '..') throw fsError(Errno.EACCES, 'redirect');
    if (this.wanted === 'directory') this.checkRedirectFollowed(redirect);
  }

  /** Throws EPERM if the mount's options do not allow the search to continue in a lower layer. */
  checkFollowed(): void {
    const { union } = this;
    if (this.redirect !== null) this.checkRedirectFollowed(this.redirect);
    if (!this.wantsData || union.stack.dialect.metacopies?.enabled === true) return;
    refuseUnfollowed(union, this.name, 'metacopy');
  }

  private checkRedirectFollowed(redirect: string): void {
    if (this.union.stack.dialect.redirects?.followed === true) return;
    this.union.log(`${displayName(redirect as EntryName)}: a layer leads there; not followed (redirect_dir=nofollow)`);
    throw fsError(Errno.EPERM, 'redirect');
  }

  /**
   * Throws EIO for a damaged metacopy mark (fs/overlayfs/util.c:ovl_check_metacopy_xattr). The mark can
   * contain a digest for verity, which is ignored.
   */
  private checkMetacopy(value: Uint8Array | null): void {
    if (value === null || value.length === 0 || value.length >= MIN_METACOPY) return;
    this.union.log(`${displayName(this.name)}: invalid metacopy in a layer`);
    throw fsError(Errno.EIO, 'metacopy');
  }

  /**
   * The marks of an object. Returns {@link NO_MARKS} without a system call if marks could have no effect: no
   * layer is below that the object could hide or that the search could continue in. The marks of a file are
   * always read, because a metacopy in the lowest layer must be detected too.
   * @param below how many real directories of its merged parent are below it
   */
  private marksOf(home: RealDirectory, name: EntryName, below: number, isLast: boolean): Marks {
    const { layer } = home;
    const { union } = this;
    if (this.wanted === 'directory' || !isLast) {
      if (layer.depth === union.stack.lowest) return NO_MARKS;
      if (below === 0 && !layer.isUpper && union.stack.dialect.redirects?.followed !== true) return NO_MARKS;
    }
    const marks = layer.reader.marks(union.fds.get(home), name);
    const seeksBelow = below > 0 && !marks.opaque && (this.wanted === 'directory' || !isLast);
    return seeksBelow && isOpaqueByFile(union.fds, home, name) ? { ...marks, opaque: true } : marks;
  }
}

/** The real directory that was found. */
export function directoryAt({ home, name }: Step): RealDirectory {
  return new RealDirectory(home.layer, home, name);
}
