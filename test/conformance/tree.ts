/** Descriptions of layers, and of the tree that their union shows. */

/** Attributes that an object of a layer can have. Times are whole seconds. */
export interface Facts {
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  /** Values are bytes as latin1. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

export type Entry =
  /**
   * `link`: regular files of one layer with the same word are hard links of one another, with the attributes
   * of the first. `hole`: the number of bytes without data after the content.
   */
  | {
      readonly kind: 'file';
      readonly content: string;
      readonly facts: Facts;
      readonly link?: string;
      readonly hole?: number;
    }
  | { readonly kind: 'directory'; readonly entries: Tree; readonly facts: Facts; readonly opaque: boolean }
  | { readonly kind: 'symlink'; readonly target: string; readonly facts: Facts }
  /** `type` is an S_IF* value; `dev` is major × 256 + minor. */
  | { readonly kind: 'special'; readonly type: number; readonly dev: number; readonly facts: Facts }
  | { readonly kind: 'whiteout' };

/** Entries by name. A plain string is a regular file with that content. */
export type Tree = { readonly [name: string]: Entry | string };

/** The layers of one case, all optional; `lower1` is the top one. */
export interface Layers {
  readonly upper?: Tree;
  readonly lower1?: Tree;
  readonly lower2?: Tree;
  readonly lower3?: Tree;
}

export const LAYER_NAMES = ['upper', 'lower1', 'lower2', 'lower3'] as const;
export type LayerName = (typeof LAYER_NAMES)[number];

export const file = (content: string, facts: Facts = {}): Entry => ({ kind: 'file', content, facts });
export const linked = (content: string, link: string, facts: Facts = {}): Entry => ({
  kind: 'file',
  content,
  facts,
  link,
});
export const dir = (entries: Tree = {}, facts: Facts = {}): Entry => ({
  kind: 'directory',
  entries,
  facts,
  opaque: false,
});
/** A directory that hides the entries of lower layers under its name. */
export const opaqueDir = (entries: Tree = {}, facts: Facts = {}): Entry => ({
  kind: 'directory',
  entries,
  facts,
  opaque: true,
});
export const symlink = (target: string, facts: Facts = {}): Entry => ({ kind: 'symlink', target, facts });
export const special = (type: number, dev = 0, facts: Facts = {}): Entry => ({ kind: 'special', type, dev, facts });
export const whiteout: Entry = { kind: 'whiteout' };

export function asEntry(value: Entry | string): Entry {
  return typeof value === 'string' ? file(value) : value;
}

/** Returns the merged tree of layers, top first, with whiteouts and opaque marks applied. */
export function merge(trees: readonly Tree[]): Tree {
  const names = new Set(trees.flatMap((tree) => Object.keys(tree)));
  const merged: Record<string, Entry> = {};
  for (const name of names) {
    const entry = mergeName(trees.flatMap((tree) => (tree[name] === undefined ? [] : [asEntry(tree[name])])));
    if (entry !== null) merged[name] = entry;
  }
  return merged;
}

/**
 * Returns the merged object of a name, from the objects of the layers that have it, top first; null if it is
 * hidden.
 */
function mergeName(entries: readonly Entry[]): Entry | null {
  const [top] = entries;
  if (top === undefined || top.kind === 'whiteout') return null;
  if (top.kind !== 'directory') return top;
  const stack: Tree[] = [];
  for (const entry of entries) {
    if (entry.kind !== 'directory') break;
    stack.push(entry.entries);
    if (entry.opaque) break;
  }
  return { ...top, entries: merge(stack), opaque: false };
}
