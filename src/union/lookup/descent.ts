/**
 * The way down from an object that a layer has to what the layers below have of it: under the same name of
 * the merged parent, or where a redirect leads (fs/overlayfs/namei.c:ovl_lookup, ovl_lookup_layer). It only
 * goes down, layer by layer, so that redirects cannot form a loop, and never leaves a layer: each component
 * is looked for by itself.
 */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError } from '../../core/errno.js';
import { isDirectory, isRegular } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { type Marks, NO_MARKS } from '../../whiteout/marks.js';
import { type Layer, RealDirectory } from '../layers/layer.js';
import type { DirectoryNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { isOpaqueByFile, nameInLayer } from './name-in-layer.js';

/** One object on the way. */
export interface Step {
  /** The real directory and name that lead to it. */
  readonly home: RealDirectory;
  readonly name: EntryName;
}

const stat = new FileStat();

/**
 * A shorter value, unless empty, is no metacopy of any version
 * (fs/overlayfs/overlayfs.h:OVL_METACOPY_MIN_SIZE).
 */
const MIN_METACOPY = 4;

export class Descent {
  /** What is looked for: a name in each candidate, or, beginning with `/`, a path from each layer's root. */
  private path: string;
  /** Where to look, top first; from `at` on. */
  private candidates: readonly RealDirectory[];
  private at = 0;
  /** The candidates are known to have it. */
  private known: boolean;
  private stopped = false;
  /** The last redirect on the way was an absolute one. */
  private absolute = false;
  /** The last redirect on the way. */
  private redirect: string | null = null;
  /** What is searched for is the data of a file, and all that has been found of it are attributes. */
  wantsData = false;
  /** What the object from which the search starts says of itself. */
  readonly marks: Marks;

  /**
   * @param dir the merged parent of the object from which the search starts
   * @param home its real directory that has the object
   * @param listed those of the parent's real directories below `home` that are known to have a directory of
   * this name; null: not known
   * @param wanted what is looked for; anything else ends the search
   */
  constructor(
    private readonly union: Union,
    private readonly dir: DirectoryNode,
    home: RealDirectory,
    private readonly name: EntryName,
    listed: readonly RealDirectory[] | null,
    private readonly wanted: 'directory' | 'file',
  ) {
    this.path = name;
    const below = dir.lowers.filter((lower) => lower.layer.depth > home.layer.depth);
    this.candidates = listed ?? below;
    this.known = listed !== null;
    this.marks = this.marksOf(home, name, below.length, true);
    this.heed(this.marks, home.layer, '', '');
  }

  /** The stat of what {@link next} found last, a file; valid until the next search. */
  get stat(): FileStat {
    return stat;
  }

  /** Where the search ended, as a path from the root of each layer, if an absolute redirect led there. */
  get absolutePath(): string | null {
    return this.wantsData && this.absolute ? this.path : null;
  }

  /** The next object, one or more layers further down; null: that was all. */
  next(): Step | null {
    while (!this.stopped && this.at < this.candidates.length) {
      if (this.wanted === 'file') this.checkFollowed();
      const candidate = this.candidates[this.at++] as RealDirectory;
      const step = this.path.startsWith('/') ? this.walk(candidate) : this.look(candidate, this.path, '', '');
      if (step !== null) return step;
    }
    return null;
  }

  /**
   * Follows the path from the root of one layer. It may change on the way, by redirects of its directories.
   */
  private walk(root: RealDirectory): Step | null {
    let home = root;
    let done = '';
    let rest = this.path;
    for (;;) {
      const end = rest.indexOf('/', 1);
      const name = end < 0 ? rest.slice(1) : rest.slice(1, end);
      const post = end < 0 ? '' : rest.slice(end);
      if (name === '.' || name === '..') throw fsError(Errno.EACCES, 'redirect');
      const step = this.look(home, name, `${done}/`, post);
      if (step === null || post === '') return step;
      home = new RealDirectory(home.layer, home, name as EntryName);
      // A redirect of this directory is for the layers below; here the walk goes on in the directory itself.
      rest = post;
      done = this.path.slice(0, this.path.length - post.length);
    }
  }

  /** Looks for one component; `before` and `after` are the rest of an absolute path. */
  private look(home: RealDirectory, name: string, before: string, after: string): Step | null {
    const { layer } = home;
    const isLast = after === '';
    if (!this.known) {
      const last = this.at === this.candidates.length;
      const presence = nameInLayer(this.union, home, name as EntryName, stat, last);
      if (presence === 'absent') return null;
      const wanted = isLast && this.wanted === 'file' ? isRegular(stat.mode) : isDirectory(stat.mode);
      if (presence === 'whiteout' || !wanted) {
        this.stopped = true;
        return null;
      }
    }
    const marks = this.marksOf(home, name as EntryName, this.candidates.length - this.at, isLast);
    this.heed(marks, layer, before, after);
    return { home, name: name as EntryName };
  }

  /** Goes on as the marks of what was found say. */
  private heed(marks: Marks, layer: Layer, before: string, after: string): void {
    if (this.wanted === 'file' && after === '') {
      this.wantsData = marks.metacopy !== null;
      this.checkMetacopy(marks.metacopy);
    }
    if (marks.opaque || (this.wanted === 'file' && after === '' && !this.wantsData)) {
      this.stopped = true;
      return;
    }
    const { redirect } = marks;
    if (redirect === null) return;
    this.check(redirect);
    const absolute = redirect.startsWith('/');
    this.absolute = absolute;
    this.redirect = redirect;
    this.path = absolute ? redirect + after : before + redirect + after;
    if (absolute) this.stopped = false;
    const places = this.path.startsWith('/') ? this.union.lowers.map(({ root }) => root) : this.dir.lowers;
    this.candidates = places.filter((place) => place.layer.depth > layer.depth);
    this.at = 0;
    this.known = false;
  }

  private check(redirect: string): void {
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

  /**
   * Whether the search may go on in a lower layer; EPERM if the options say that such files are not followed.
   */
  checkFollowed(): void {
    const { union } = this;
    if (this.redirect !== null) this.checkRedirectFollowed(this.redirect);
    if (!this.wantsData || union.dialect.metacopies?.enabled === true) return;
    union.log(`${displayName(this.name)}: its data is in another layer; not followed (metacopy=off)`);
    throw fsError(Errno.EPERM, 'metacopy');
  }

  private checkRedirectFollowed(redirect: string): void {
    if (this.union.dialect.redirects?.followed === true) return;
    this.union.log(`${displayName(redirect as EntryName)}: a layer leads there; not followed (redirect_dir=nofollow)`);
    throw fsError(Errno.EPERM, 'redirect');
  }

  /**
   * fs/overlayfs/util.c:ovl_check_metacopy_xattr; what it holds is a digest, for verity, which is not looked
   * at.
   */
  private checkMetacopy(value: Uint8Array | null): void {
    if (value === null || value.length === 0 || value.length >= MIN_METACOPY) return;
    this.union.log(`${displayName(this.name)}: invalid metacopy in a layer`);
    throw fsError(Errno.EIO, 'metacopy');
  }

  /**
   * The marks of an object, if they could matter: in the lowest layer there is nothing below to hide or to
   * find, but that a file is not whole matters there too.
   * @param below how many real directories of its merged parent lie below it
   */
  private marksOf(home: RealDirectory, name: EntryName, below: number, isLast: boolean): Marks {
    const { layer } = home;
    const { union } = this;
    if (this.wanted === 'directory' || !isLast) {
      if (layer.depth === union.lowest) return NO_MARKS;
      if (below === 0 && !layer.isUpper && union.dialect.redirects?.followed !== true) return NO_MARKS;
    }
    const marks = layer.reader.marks(union.fds.get(home), name);
    const seeksBelow = below > 0 && !marks.opaque && (this.wanted === 'directory' || !isLast);
    return seeksBelow && isOpaqueByFile(union, home, name) ? { ...marks, opaque: true } : marks;
  }
}
