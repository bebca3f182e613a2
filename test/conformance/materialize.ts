/** Makes the objects of a `Tree` on disk. */
import * as sys from '../harness/sys/index.js';
import { type LayerForm, overlayForm } from './forms.js';
import { asEntry, type Entry, type Facts, type Tree } from './tree.js';

/** Maps the word of each hard link group to the name of its first file. */
type Links = Map<string, string>;

/** Facts that all entries of a tree share. */
interface Layer {
  readonly form: LayerForm;
  readonly links: Links;
}

/** Creates the entries of `tree` in the existing directory `at`. */
export function materialize(at: string, tree: Tree, form = overlayForm): void {
  sys.withUmask(0, () => fill(at, tree, { form, links: new Map() }));
}

function fill(at: string, tree: Tree, layer: Layer): void {
  for (const [name, value] of Object.entries(tree)) create(at, name, asEntry(value), layer);
}

function create(at: string, name: string, entry: Entry, layer: Layer): void {
  const path = `${at}/${name}`;
  switch (entry.kind) {
    case 'whiteout':
      layer.form.makeWhiteout(at, name);
      return;
    case 'file':
      createFile(path, entry, layer.links);
      return;
    case 'symlink':
      sys.symlink(entry.target, path);
      applyFacts(path, entry.facts, null);
      return;
    case 'special':
      sys.mknod(path, entry.type | (entry.facts.mode ?? 0o644), entry.dev);
      applyFacts(path, entry.facts, null);
      return;
    case 'directory':
      sys.mkdir(path, 0o755);
      if (entry.opaque) layer.form.markOpaque(path);
      fill(path, entry.entries, layer);
      // Attributes are set last, because filling a directory changes its times.
      applyFacts(path, entry.facts, 0o755);
  }
}

function createFile(path: string, entry: Extract<Entry, { kind: 'file' }>, links: Links): void {
  const first = entry.link === undefined ? undefined : links.get(entry.link);
  if (first !== undefined) {
    sys.link(first, path);
    return;
  }
  if (entry.link !== undefined) links.set(entry.link, path);
  sys.writeFile(path, entry.content, 0o644);
  if (entry.hole !== undefined) sys.truncate(path, entry.content.length + entry.hole);
  applyFacts(path, entry.facts, 0o644);
}

/**
 * Sets attributes in this order: the owner, because chown clears set-id bits and capabilities; the mode
 * before an ACL, because chmod would change its mask; times last.
 * @param defaultMode null: the mode is not changed
 */
function applyFacts(path: string, facts: Facts, defaultMode: number | null): void {
  if (facts.uid !== undefined || facts.gid !== undefined) {
    sys.lchown(path, facts.uid ?? sys.KEEP, facts.gid ?? sys.KEEP);
  }
  if (defaultMode !== null && facts.mode !== undefined) sys.chmod(path, facts.mode);
  for (const [name, value] of Object.entries(facts.xattrs ?? {})) sys.setxattr(path, name, value);
  if (facts.mtime !== undefined) sys.utimens(path, sys.OMIT, { sec: facts.mtime, nsec: 0 });
}
