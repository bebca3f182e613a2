import { type EntryName, type NodeId, ROOT_ID } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import { close } from '../../sys/files/open.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { DirectoryNode, FileNode, UnionNode } from './node.js';
import { NodePages } from './node-pages.js';
import { closeFds } from './open-file.js';

/**
 * All nodes that are not freed. Nodeids are never reused, so a late FORGET or a stale handle cannot reach
 * another node.
 */
export class NodeTable {
  private readonly nodes = new NodePages();
  /**
   * Files that have had several names since their node was created, by identity, so that all names lead to
   * one node. A file stays in the table when only one name is left, because the kernel can look up that name
   * while the node is at a removed one.
   */
  private readonly linked = new Map<number, FileNode>();
  /**
   * The inode numbers of lower files that have a node and no group; null before the first call of
   * {@link hasLowerFile}.
   */
  private lowerFiles: Set<number> | null = null;
  private nextId = ROOT_ID as number;

  /** @param freed called for each directory whose node is freed */
  constructor(
    private readonly fds: DirectoryFds,
    private readonly freed: (dir: DirectoryNode) => void,
  ) {}

  get size(): number {
    return this.nodes.size;
  }

  newId(): NodeId {
    return this.nextId++ as NodeId;
  }

  add(node: UnionNode): void {
    this.nodes.add(node);
    node.parent?.children.set(node.name, node);
    if (this.lowerFiles !== null && isLowerFile(node)) this.lowerFiles.add(node.ino);
  }

  /** Whether a lower file that has a node shows this number. */
  hasLowerFile(ino: number): boolean {
    if (this.lowerFiles === null) {
      this.lowerFiles = new Set();
      for (const node of this.nodes) if (isLowerFile(node)) this.lowerFiles.add(node.ino);
    }
    return this.lowerFiles.has(ino);
  }

  get(id: NodeId): UnionNode {
    const node = this.nodes.get(id);
    if (node === undefined) throw fsError(Errno.ESTALE, 'node');
    return node;
  }

  directory(id: NodeId): DirectoryNode {
    const node = this.get(id);
    if (node.kind !== 'directory') throw fsError(Errno.ENOTDIR, 'node');
    return node;
  }

  file(id: NodeId): FileNode {
    const node = this.get(id);
    if (node.kind !== 'file') throw fsError(Errno.EISDIR, 'node');
    return node;
  }

  /**
   * Subtracts lookups that the kernel has forgotten, and frees the node if nothing holds it. An unknown id is
   * ignored: after an abort of the connection the kernel can send FORGET for a node that was freed.
   */
  forget(id: NodeId, nlookup: number): void {
    const node = this.nodes.get(id);
    if (node === undefined) return;
    node.nlookup = Math.max(0, node.nlookup - nlookup);
    this.release(node);
  }

  /** Frees `node` if nothing holds it, and then each parent that nothing holds any more. */
  release(node: UnionNode): void {
    let current: UnionNode | null = node;
    while (current !== null && this.isUnheld(current)) {
      const parent: DirectoryNode | null = current.parent;
      this.free(current);
      current = parent;
    }
  }

  /** The node of a file that has or had several links, by its identity. */
  linkedFile(identity: number): FileNode | undefined {
    return this.linked.get(identity);
  }

  /** Makes other names of this upper file lead to the same node from now on. */
  share(node: FileNode): void {
    this.linked.set(node.identity, node);
  }

  /** Changes the identity by which the names of an upper file are recognised. */
  identify(node: FileNode, identity: number): void {
    this.lowerFiles?.delete(node.ino);
    const isShared = this.linked.get(node.identity) === node;
    if (isShared) this.linked.delete(node.identity);
    node.identity = identity;
    if (isShared) this.share(node);
  }

  /** Moves a node to another place of the tree. */
  move(node: UnionNode, parent: DirectoryNode, name: EntryName): void {
    this.detach(node);
    node.parent = parent;
    node.name = name;
    parent.children.set(name, node);
  }

  /**
   * Removes a node from the tree, and frees each parent that nothing holds any more. It does not free the
   * node itself: {@link release} does, if nothing holds it.
   */
  detach(node: UnionNode): void {
    const { parent } = node;
    node.parent = null;
    if (parent === null) return;
    if (parent.children.get(node.name) === node) parent.children.delete(node.name);
    this.release(parent);
  }

  /** Closes the fds of all nodes. Call it once. */
  close(): void {
    for (const node of this.nodes) this.closeFds(node);
  }

  private isUnheld(node: UnionNode): boolean {
    if (node.nlookup > 0 || node.id === ROOT_ID) return false;
    return node.kind === 'directory' ? node.children.size === 0 : node.open === null && node.copyJobKey === 0;
  }

  private free(node: UnionNode): void {
    this.nodes.delete(node);
    if (this.lowerFiles !== null && isLowerFile(node)) this.lowerFiles.delete(node.ino);
    if (node.parent?.children.get(node.name) === node) {
      node.parent.children.delete(node.name);
      node.parent.isComplete = false;
    }
    if (node.kind === 'directory') this.freed(node);
    else if (this.linked.get(node.identity) === node) this.linked.delete(node.identity);
    this.closeFds(node);
  }

  private closeFds(node: UnionNode): void {
    if (node.kind === 'directory') {
      if (node.upper !== null) this.fds.drop(node.upper);
      for (const lower of node.lowers) this.fds.drop(lower);
      return;
    }
    if (node.pinnedFd >= 0) close(node.pinnedFd);
    node.pinnedFd = -1;
    if (node.open !== null) closeFds(node.open);
    node.open = null;
  }
}

function isLowerFile(node: UnionNode): boolean {
  return node.kind === 'file' && !node.isUpper && node.group === null;
}
