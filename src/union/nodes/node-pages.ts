import type { NodeId } from '../../core/brand.js';
import type { UnionNode } from './node.js';

/** Small, so that a page with only one node left takes little memory. */
const PAGE = 32;

/** The nodes whose ids have the same quotient by {@link PAGE}, and how many there are. */
class Page {
  readonly nodes: (UnionNode | null)[] = new Array<UnionNode | null>(PAGE).fill(null);
  count = 0;
}

/**
 * Nodes by their ids. Ids ascend and are never reused, so that nodes created one after the other are in one
 * page. This takes a quarter of the memory of a Map of nodes.
 */
export class NodePages {
  private readonly pages = new Map<number, Page>();
  private nodes = 0;

  get size(): number {
    return this.nodes;
  }

  get(id: NodeId): UnionNode | undefined {
    return this.pages.get(Math.floor(id / PAGE))?.nodes[id % PAGE] ?? undefined;
  }

  /** Adds a node whose id is not in the table. */
  add(node: UnionNode): void {
    const key = Math.floor(node.id / PAGE);
    let page = this.pages.get(key);
    if (page === undefined) {
      page = new Page();
      this.pages.set(key, page);
    }
    page.nodes[node.id % PAGE] = node;
    page.count++;
    this.nodes++;
  }

  /** Removes a node that is in the table. */
  delete(node: UnionNode): void {
    const key = Math.floor(node.id / PAGE);
    const page = this.pages.get(key);
    if (page === undefined) return;
    page.nodes[node.id % PAGE] = null;
    this.nodes--;
    if (--page.count === 0) this.pages.delete(key);
  }

  *[Symbol.iterator](): Generator<UnionNode> {
    for (const { nodes } of this.pages.values()) for (const node of nodes) if (node !== null) yield node;
  }
}
