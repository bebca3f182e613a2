import type { CopyUpContext } from '../copyup/context.js';
import type { Squash } from '../copyup/set-owner.js';
import { type AccessTimes, DEFAULT_ACCESS_TIMES } from '../core/access-times.js';
import type { IdRule } from '../core/id-map.js';
import type { Operations } from '../fuse/operations.js';
import type { Dialect } from '../whiteout/dialect.js';
import type { WorkDirectory } from '../whiteout/work/work-directory.js';
import { type FdShares, shareFds } from './fd-shares.js';
import { MappedFilesystem, type OwnershipView } from './filesystem/mapped-filesystem.js';
import { UnionFilesystem } from './filesystem/union-filesystem.js';
import { type LayerFormat, layerFormat } from './layer-format.js';
import { markUpper, overridesOfLower, overridesOfUpper } from './layer-overrides.js';
import { DirectoryFds } from './layers/directory-fds.js';
import { Layer } from './layers/layer.js';
import { UpperMount } from './layers/upper-mount.js';
import type { LinkParts } from './links/hard-link-table.js';
import { OriginHandles } from './links/origin-handles.js';
import { makesMetacopies } from './metacopy-support.js';
import { InodeNumbers } from './nodes/inode-numbers.js';
import { newListingCache } from './nodes/listing-cache.js';
import { NodeTable } from './nodes/node-table.js';
import { CopyJobs } from './state/copy-jobs.js';
import { LayerStack, type Upper } from './state/layer-stack.js';
import { type OpenFileBudget, OwnBudget, SharedBudget } from './state/open-file-budget.js';
import { Union } from './state/union.js';
import type { UnionConfig } from './union-config.js';

/**
 * The fds of a mount besides its lower layers: the device, the upper, the work directory, a timer, a copy
 * with its duplicates.
 */
const OTHER_FDS = 16;

const CUT_ACL =
  'an ACL names users or groups outside of this user namespace: the upper stores it without them, and it grants nobody more; a later chmod or setfacl can (logged once)';

/**
 * Opens all layers and builds the union.
 * @throws FsError with the path of the layer that cannot be opened
 */
export function createUnion(config: UnionConfig): Operations {
  const opened: { close(): void }[] = [];
  try {
    return assemble(config, opened);
  } catch (error) {
    for (const part of opened.reverse()) part.close();
    throw error;
  }
}

/** Builds the union. Adds each opened part to `parts`: the caller closes them if a later part fails. */
function assemble(config: UnionConfig, parts: { close(): void }[]): Operations {
  const keep = <T extends { close(): void }>(part: T): T => {
    parts.push(part);
    return part;
  };
  const format = layerFormat(config);
  const above = config.upper === undefined ? 0 : 1;
  const opened = config.lowers.map((path, i) =>
    keep(
      Layer.open(path, {
        depth: i + above,
        isUpper: false,
        reader: format.lowerReader(i),
        overridesOf: (root, stat) => overridesOfLower(config, path, root, stat),
      }),
    ),
  );
  const named = opened.length - (config.overlay?.dataLayers ?? 0);
  const lowers = opened.slice(0, named);
  const shares = shareFds(lowers.length, opened.length);
  const fds = directoryFds(config, shares);
  const numbers = new InodeNumbers();
  const upper = openUpper(config, format, lowers, { fds, numbers, keep, log: config.log });
  for (const layer of upper === null ? lowers : [upper.layer, ...lowers]) format.warnOfUnreadPseudoLinks(layer);
  const listings = newListingCache();
  const { ownership, volatile } = config;
  const union = new Union({
    stack: new LayerStack({ upper, lowers, dataLayers: opened.slice(named), dialect: format.dialect }),
    nodes: new NodeTable(fds, (dir) => listings.delete(dir)),
    fds,
    numbers,
    listings,
    openFiles: keep(openFileBudget(config, shares, opened.length, fds)),
    jobs: keep(new CopyJobs(config.log, config.copyPool)),
    prefetchThreads: config.prefetchThreads,
    options: { accessTimes: accessTimesOf(config), hasAcls: (ownership?.xattrs ?? 'all') === 'all' },
    log: config.log,
  });
  if (ownership !== undefined) return new MappedFilesystem(union, volatile, ownership);
  return new UnionFilesystem(union, volatile);
}

/** If the union shares the fds of the process, files do not take those of its directories. */
function directoryFds(
  { fdPool }: UnionConfig,
  { maxDirectories, maxPerOperation, maxWithFiles }: FdShares,
): DirectoryFds {
  return new DirectoryFds(maxDirectories, maxPerOperation, fdPool === undefined ? maxWithFiles : undefined);
}

/** @param roots how many roots of lower layers are open */
function openFileBudget(
  { fdPool }: UnionConfig,
  { maxFiles, maxPerOperation }: FdShares,
  roots: number,
  fds: DirectoryFds,
): OpenFileBudget {
  if (fdPool === undefined) return new OwnBudget(maxFiles, fds);
  return new SharedBudget(fdPool, fds, roots + maxPerOperation + OTHER_FDS);
}

function accessTimesOf({ accessTimes }: UnionConfig): AccessTimes {
  return accessTimes ?? DEFAULT_ACCESS_TIMES;
}

function openUpper(
  config: UnionConfig,
  format: LayerFormat,
  lowers: readonly Layer[],
  parts: Pick<LinkParts, 'fds' | 'numbers' | 'keep' | 'log'>,
): Upper | null {
  const { keep, numbers } = parts;
  if (config.upper === undefined) {
    fixNumbers(numbers, lowers);
    return null;
  }
  const { dialect } = format;
  const path = config.upper;
  const mount = keep(UpperMount.open(path, config.aufs === undefined ? config.work : undefined, accessTimesOf(config)));
  const layer = keep(
    Layer.open(path, {
      depth: 0,
      isUpper: true,
      reader: format.upperReader,
      overridesOf: (root, stat) => overridesOfUpper(config, path, root, stat),
      open: () => mount.openUpper(),
    }),
  );
  markUpper(layer, lowers);
  const work = keep(format.openWork(layer, mount));
  mount.markInUse();
  fixNumbers(numbers, [layer, ...lowers]);
  const copyUp = copyUpContext(config, dialect, layer, work);
  const originHandles =
    dialect.origins &&
    new OriginHandles(lowers, layer, dialect.origins, {
      toleratesNull: !allowsOfflineChanges(config),
      ignoresUuid: config.overlay?.ignoresUuid === true,
    });
  const links = format.links({ ...parts, mount, layer, lowers, originHandles });
  return { mount, layer, work, hiding: format.hiding(layer, work), copyUp, originHandles, links };
}

function copyUpContext(config: UnionConfig, dialect: Dialect, layer: Layer, work: WorkDirectory): CopyUpContext {
  return {
    work,
    dialect,
    overrides: layer.overrides,
    squash: squashOf(config.ownership),
    sync: !config.volatile,
    makesMetacopies: makesMetacopies(dialect, work, config.log),
    warnOfCutAcl: logOnce(config.log, CUT_ACL),
  };
}

/** A function that logs `line` at its first call. */
function logOnce(log: (line: string) => void, line: string): () => void {
  let isLogged = false;
  return () => {
    if (!isLogged) log(line);
    isLogged = true;
  };
}

/** The one owner that the mount shows for all objects; null: it shows the owners of the disk. */
function squashOf(ownership: OwnershipView | undefined): Squash | null {
  const idOf = (rule: IdRule | undefined): number | null => (rule !== undefined && 'all' in rule ? rule.all : null);
  const [uid, gid] = [idOf(ownership?.uids), idOf(ownership?.gids)];
  return uid === null && gid === null ? null : { uid, gid };
}

/**
 * Assigns numbers to the layers' devices, in the same order at every mount, so that inodes keep their
 * numbers.
 */
function fixNumbers(numbers: InodeNumbers, layers: readonly Layer[]): void {
  for (const { devMajor, devMinor } of layers) numbers.own(devMajor, devMinor, 1);
}

/**
 * Whether lower layers can be changed or replaced between two mounts. If the mount uses index, metacopies or
 * redirects, they must not be (fs/overlayfs/ovl_entry.h:ovl_allow_offline_changes).
 */
function allowsOfflineChanges({ overlay }: UnionConfig): boolean {
  if (overlay === undefined) return true;
  const { index, metacopy, redirect } = overlay;
  return !index && !metacopy && redirect !== 'on';
}
