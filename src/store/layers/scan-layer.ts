/**
 * The first pass of a conversion: counts the objects of the layer, and finds those that the target cannot
 * store.
 */
import type { EntryName } from '../../core/brand.js';
import { isRegular, isSymlink, S_IFBLK, S_IFCHR, S_IFMT } from '../../core/file-mode.js';
import { withoutForeignIds } from '../../core/posix-acl.js';
import { isAcl } from '../../core/xattr-names.js';
import { getXattr } from '../../sys/files/xattr.js';
import type { LayerSource, LayerTarget } from '../../whiteout/layer-form.js';
import { identityOf } from '../object-identity.js';
import { type LayerVisitor, type WalkedObject, walkLayer } from './layer-walk.js';
import type { Progress } from './progress.js';

/** The numbers of a layer's objects. */
export interface LayerCounts {
  directories: number;
  files: number;
  symlinks: number;
  /** Devices, fifos and sockets. */
  special: number;
  /** Further names of objects that have several. */
  hardLinks: number;
  whiteouts: number;
  opaque: number;
  /** Sizes of the files, each counted once. */
  bytes: number;
}

/** An object that the target cannot store. */
export interface Obstacle {
  /** The path from the layer's root, as bytes. */
  readonly path: string;
  readonly why: string;
}

/** The result of a scan. */
export interface ScanReport {
  readonly counts: LayerCounts;
  /** The first {@link MAX_OBSTACLES} obstacles. */
  readonly obstacles: readonly Obstacle[];
  /** The number of all obstacles. */
  readonly obstacleCount: number;
}

interface ScanOptions {
  /**
   * Whether a mark of the target's dialect is an obstacle. It is if the request does not name the dialect of
   * the layer: the layer is then probably in the target's dialect already.
   */
  readonly refuseMarksOfTarget: boolean;
  /** The user who converts, unless it is root: this user cannot make objects of other owners. */
  readonly ordinaryUser: { readonly uid: number; readonly groups: readonly number[] } | null;
}

/** The most obstacles that a report has. */
const MAX_OBSTACLES = 1000;

/**
 * Scans a layer.
 * @param root the fd of the layer's root
 */
export function scanLayer(
  root: number,
  source: LayerSource,
  target: LayerTarget,
  options: ScanOptions,
  progress: Progress,
): ScanReport {
  const scan = new LayerScan(source, target, options, progress);
  walkLayer(root, source, scan);
  return scan.report();
}

/** Counts and checks each object that the walk visits. */
class LayerScan implements LayerVisitor {
  private readonly counts: LayerCounts = {
    directories: 0,
    files: 0,
    symlinks: 0,
    special: 0,
    hardLinks: 0,
    whiteouts: 0,
    opaque: 0,
    bytes: 0,
  };
  private readonly obstacles: Obstacle[] = [];
  private obstacleCount = 0;
  /** The number of names that have not been visited yet, of objects with several names. */
  private readonly namesLeft = new Map<string, number>();

  constructor(
    private readonly source: LayerSource,
    private readonly target: LayerTarget,
    private readonly options: ScanOptions,
    private readonly progress: Progress,
  ) {}

  report(): ScanReport {
    return { counts: this.counts, obstacles: this.obstacles, obstacleCount: this.obstacleCount };
  }

  enter(directory: WalkedObject, { isOpaque }: { isOpaque: boolean }): void {
    this.counts.directories++;
    if (isOpaque) this.counts.opaque++;
    this.check(directory);
    if (directory.path === '') this.checkRoot(directory.dirfd);
  }

  /** Adds an obstacle if the root has content that is not in the tree yet. */
  private checkRoot(root: number): void {
    const rootProblem = this.source.rootProblem(root);
    if (rootProblem !== null) this.addObstacle(rootProblem.name, rootProblem.why);
  }

  leave(): void {}

  object(object: WalkedObject): void {
    this.check(object);
    const { stat } = object;
    if (stat.nlink > 1 && !this.isFirst(object)) this.counts.hardLinks++;
    else if (isRegular(stat.mode)) {
      this.counts.files++;
      this.counts.bytes += stat.size;
    } else if (isSymlink(stat.mode)) this.counts.symlinks++;
    else this.counts.special++;
  }

  whiteout(dirfd: number, name: EntryName, path: string): void {
    this.counts.whiteouts++;
    this.progress.advance(0);
    const problem = this.source.whiteoutProblem(dirfd, name) ?? this.target.whiteoutProblem(name);
    if (problem !== null) this.addObstacle(path, `its whiteout: ${problem}`);
  }

  /** Whether the object is visited by the first of its names. */
  private isFirst({ stat }: WalkedObject): boolean {
    const identity = identityOf(stat);
    const left = this.namesLeft.get(identity);
    if (left === undefined) this.namesLeft.set(identity, stat.nlink - 1);
    else if (left > 1) this.namesLeft.set(identity, left - 1);
    else this.namesLeft.delete(identity);
    return left === undefined;
  }

  /** Adds an obstacle if the target cannot store the object. */
  private check(object: WalkedObject): void {
    this.progress.advance(0);
    const problem =
      this.source.problem(object) ??
      this.target.problem(object) ??
      this.markOfTarget(object) ??
      this.whyNotCopied(object);
    if (problem !== null) this.addObstacle(object.path, problem);
  }

  /** The mark of the target's dialect that the object has; null: none, or it does not matter. */
  private markOfTarget(object: WalkedObject): string | null {
    if (!this.options.refuseMarksOfTarget) return null;
    const mark = this.target.ownMark(object);
    return mark === null ? null : `${mark}; give the dialect of the layer with --from`;
  }

  /** Why this process cannot make a copy of the object; null: it can. */
  private whyNotCopied(object: WalkedObject): string | null {
    const { stat } = object;
    if (namesForeignIds(object))
      return 'its ACL names a user or group outside of this user namespace; convert the layer outside of it';
    if (stat.protection !== 0) return 'immutable or append-only (see lsattr); a copy would not be';
    const { ordinaryUser } = this.options;
    if (ordinaryUser === null) return null;
    const type = stat.mode & S_IFMT;
    if (type === S_IFCHR || type === S_IFBLK) return 'a device, which only root can make';
    if (stat.uid !== ordinaryUser.uid) return `its owner is ${stat.uid}, and only root can set that owner on a copy`;
    if (!ordinaryUser.groups.includes(stat.gid)) return `its group is ${stat.gid}, and this user is not a member`;
    return null;
  }

  private addObstacle(path: string, why: string): void {
    this.obstacleCount++;
    if (this.obstacles.length < MAX_OBSTACLES) this.obstacles.push({ path, why });
  }
}

/**
 * Whether an ACL of the object has an id that this user namespace does not map. Such an ACL cannot be
 * written.
 */
function namesForeignIds({ dirfd, name, xattrs }: WalkedObject): boolean {
  return xattrs.some((xattr) => {
    const acl = isAcl(xattr) ? getXattr(dirfd, name, xattr) : null;
    return acl !== null && withoutForeignIds(acl) !== acl;
  });
}
