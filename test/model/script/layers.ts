/** The layers of a script: a list of objects, of which each can be left out. */
import fc from 'fast-check';
import {
  asEntry,
  dir,
  type Entry,
  type Facts,
  LAYER_NAMES,
  type LayerName,
  type Layers,
  merge,
  type Tree,
} from '../../conformance/tree.js';
import * as sys from '../../harness/sys/index.js';
import { anAcl, aPath, aTarget, aTime } from './values.js';

export interface LayerItem {
  readonly layer: LayerName;
  readonly path: string;
  /** The object. A directory has no entries here: they are items of their own. */
  readonly entry: Entry;
}

const aMode = (...modes: number[]): fc.Arbitrary<number> => fc.constantFrom(...modes);

function facts(mode: fc.Arbitrary<number>, acls: fc.Arbitrary<Record<string, string>>): fc.Arbitrary<Facts> {
  const xattrs = fc
    .record({ 'user.layer': fc.constantFrom('1', '2'), 'trusted.layer': fc.constant('3') }, { requiredKeys: [] })
    .map((plain) => JSON.parse(JSON.stringify(plain)) as Record<string, string>);
  return fc
    .record({
      mode,
      uid: fc.constantFrom(0, 0, sys.ALICE, sys.BOB),
      gid: fc.constantFrom(0, sys.STAFF, sys.PROJECT),
      mtime: aTime.map(({ sec }) => sec),
      xattrs: fc.tuple(xattrs, acls).map(([plain, acl]) => ({ ...plain, ...acl })),
    })
    .map(withoutEmpty);
}

function withoutEmpty({ xattrs, ...others }: Facts): Facts {
  return xattrs === undefined || Object.keys(xattrs).length === 0 ? others : { ...others, xattrs };
}

function acls(...names: string[]): fc.Arbitrary<Record<string, string>> {
  const acl = fc.tuple(fc.constantFrom(...names), anAcl).map(([name, text]) => ({
    [name]: sys.acl(text).toString('latin1'),
  }));
  return fc.oneof({ weight: 9, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: acl });
}

const ofFile = facts(
  aMode(0o666, 0o666, 0o644, 0o600, 0o755, 0o444, 0o4755, 0o2755, 0o6777),
  acls('system.posix_acl_access'),
);
const ofDirectory = facts(
  aMode(0o777, 0o777, 0o755, 0o700, 0o2775, 0o1777, 0o555),
  acls('system.posix_acl_access', 'system.posix_acl_default'),
);
const ofOthers = facts(aMode(0o666, 0o600), fc.constant({}));

/** Sizes near the ends of pages and blocks. */
const aSize = fc.constantFrom(0, 7, 4095, 4096, 5000, 9000);
const aFile = fc
  .record({ content: aSize.map((size) => 'lower '.repeat(1500).slice(0, size)), hole: fc.constantFrom(0, 0, 10_000) })
  .chain(({ content, hole }) => ofFile.map((its): Entry => ({ kind: 'file', content, hole, facts: its })));
const aLinkedFile = fc
  .tuple(fc.constantFrom('one', 'two'), ofFile)
  .map(([link, its]): Entry => ({ kind: 'file', content: `several names ${link}`, link, facts: its }));
const aDirectory = ofDirectory.map((its): Entry => dir({}, its));
const anOpaqueDirectory = ofDirectory.map((its): Entry => ({ ...dir({}, its), opaque: true }) as Entry);
const aSymlink = fc
  .tuple(aTarget, aTime)
  .map(([target, time]): Entry => ({ kind: 'symlink', target, facts: { mtime: time.sec } }));
const aSpecial = fc
  .tuple(fc.constantFrom([sys.S_IFIFO, 0], [sys.S_IFSOCK, 0], [sys.S_IFCHR, 256 + 3]), ofOthers)
  .map(([[type, dev], its]): Entry => ({ kind: 'special', type: type ?? 0, dev: dev ?? 0, facts: withoutUser(its) }));

/** Only files and directories can have `user.` xattrs (man xattr(7)). */
function withoutUser({ xattrs: _, ...others }: Facts): Facts {
  return others;
}

const anEntry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 34, arbitrary: aFile },
  { weight: 34, arbitrary: aDirectory },
  { weight: 14, arbitrary: aLinkedFile },
  { weight: 8, arbitrary: fc.constant<Entry>({ kind: 'whiteout' }) },
  { weight: 6, arbitrary: anOpaqueDirectory },
  { weight: 5, arbitrary: aSymlink },
  { weight: 5, arbitrary: aSpecial },
);

export const aLayerItem: fc.Arbitrary<LayerItem> = fc.record({
  layer: fc.constantFrom(...LAYER_NAMES),
  path: aPath,
  entry: anEntry,
});

/**
 * Returns the trees of `items`. Missing parent directories are added. Impossible items are left out: a second
 * object of a name, an object below one that is no directory, and whiteouts and opaque marks that hide
 * nothing. No writer of layers makes the latter, and whether the kernel lists them depends on its version.
 */
export function layersOf(items: readonly LayerItem[]): Layers {
  const trees = Object.fromEntries(LAYER_NAMES.map((name) => [name, {}])) as Record<LayerName, Record<string, Entry>>;
  for (const { layer, path, entry } of items) place(trees[layer], path.split('/'), entry);
  const legal: Record<string, Tree> = {};
  let below: Tree = {};
  for (const name of [...LAYER_NAMES].reverse()) {
    const tree = withoutIdle(trees[name], below);
    legal[name] = tree;
    below = merge([tree, below]);
  }
  return legal;
}

function place(tree: Record<string, Entry>, [name, ...rest]: string[], entry: Entry): void {
  if (name === undefined) return;
  const there = tree[name];
  if (rest.length === 0) {
    if (there === undefined) tree[name] = entry;
    // An earlier item has added this directory as a parent.
    else if (there.kind === 'directory' && entry.kind === 'directory')
      tree[name] = { ...entry, entries: there.entries };
    return;
  }
  const directory = there ?? dir({}, { mtime: 1 });
  if (directory.kind !== 'directory') return;
  const entries: Record<string, Entry> = {};
  for (const [key, value] of Object.entries(directory.entries)) entries[key] = asEntry(value);
  place(entries, rest, entry);
  tree[name] = { ...directory, entries };
}

/** @param below the merged tree of the layers below, at the place of this tree */
function withoutIdle(tree: Tree, below: Tree): Tree {
  const kept: Record<string, Entry> = {};
  for (const [name, value] of Object.entries(tree)) {
    const entry = asEntry(value);
    const covered = below[name] === undefined ? null : asEntry(below[name]);
    if (entry.kind === 'whiteout' && covered === null) continue;
    if (entry.kind !== 'directory') kept[name] = entry;
    else {
      const opaque = entry.opaque && covered?.kind === 'directory';
      const beneath = !opaque && covered?.kind === 'directory' ? covered.entries : {};
      kept[name] = { ...entry, opaque, entries: withoutIdle(entry.entries, beneath) };
    }
  }
  return kept;
}
