/**
 * What layers on disk show to somebody who has never seen them before: the tree that the next mount will
 * have.
 */
import { createHash } from 'node:crypto';
import { type EntryName, type NodeId, ROOT_ID } from '../../src/core/brand.js';
import type { FileStat } from '../../src/core/file-stat.js';
import type { DirectorySink, Operations } from '../../src/fuse/operations.js';
import { mountFs, umountFs } from '../../src/sys/mount.js';
import { createUnion, defaultOverlay, type UnionConfig } from '../../src/union/index.js';
import { type Snapshot, snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';

const ROOT = { uid: 0, gid: 0, pid: process.pid, umask: 0 };
const MS_RDONLY = 1;

/** The directory `name` of the layers, top first, as the kernel's overlayfs shows it. */
export function kernelView(layers: readonly string[], mountpoint: string, name: string): Snapshot {
  const features = 'redirect_dir=follow,metacopy=on';
  mountFs('overlay', mountpoint, 'overlay', MS_RDONLY, `lowerdir=${layers.join(':')},${features}`);
  try {
    return snapshot(`${mountpoint}/${name}`);
  } finally {
    umountFs(mountpoint);
  }
}

/** The same as plyfs reads it, without a mount. */
export function plyfsView(layers: readonly string[], aufs: boolean, name: string): Snapshot {
  const union = createUnion(readOnly(layers, aufs));
  try {
    const facts: Record<string, string> = {};
    visit(union, childOf(union, ROOT_ID, name as EntryName), '', facts);
    return facts;
  } finally {
    union.close();
  }
}

function readOnly(lowers: readonly string[], aufs: boolean): UnionConfig {
  const common = { lowers, volatile: true, log: () => {} };
  if (!aufs) return { ...common, overlay: { ...defaultOverlay('trusted'), metacopy: true } };
  return {
    ...common,
    aufs: { ignoresWhiteouts: [], linkWhiteouts: true, alwaysOpaque: false, keepLinks: true },
  };
}

function childOf(union: Operations, parent: NodeId, name: EntryName): NodeId {
  const entry = union.lookup(parent, name);
  if (entry === null) throw new Error(`${name} is listed, and not there`);
  return entry.nodeid;
}

function visit(union: Operations, node: NodeId, path: string, facts: Record<string, string>): void {
  const { mode } = union.getattr(node).attr;
  facts[path === '' ? '.' : path] = describe(union, node);
  if (!sys.isDirectory(mode)) return;
  const names: EntryName[] = [];
  const sink: DirectorySink = { fits: () => true, add: (name) => names.push(name), addPlus: () => {} };
  union.readdir(node, 0, false, sink);
  for (const name of names.sort()) {
    if (name === '.' || name === '..') continue;
    visit(union, childOf(union, node, name), path === '' ? name : `${path}/${name}`, facts);
  }
}

/** In the words of `snapshot`. */
function describe(union: Operations, node: NodeId): string {
  const stat: FileStat = Object.assign(Object.create(null), union.getattr(node).attr);
  const parts = [stat.mode.toString(8), `${stat.uid}:${stat.gid}`];
  if (!sys.isDirectory(stat.mode)) parts.push(`size=${stat.size}`, `nlink=${stat.nlink}`);
  parts.push(`mtime=${stat.mtimeSec}.${String(stat.mtimeNsec).padStart(9, '0')}`);
  if (stat.rdevMajor !== 0 || stat.rdevMinor !== 0) parts.push(`rdev=${stat.rdevMajor}:${stat.rdevMinor}`);
  for (const name of union.listxattr(node, ROOT).sort()) {
    parts.push(`${name}=${union.getxattr(node, name)?.toString('hex')}`);
  }
  if (sys.isRegular(stat.mode)) parts.push(digest(union, node, stat.size));
  if (sys.isSymlink(stat.mode)) parts.push(`-> ${union.readlink(node)}`);
  return parts.join(' ');
}

function digest(union: Operations, node: NodeId, size: number): string {
  const content = Buffer.from(new ArrayBuffer(size + 1));
  union.open(node, sys.O_RDONLY, null);
  const got = union.read(node, content, 0, size + 1, 0);
  union.release(node, sys.O_RDONLY);
  return createHash('sha256').update(content.subarray(0, got)).digest('hex').slice(0, 16);
}
