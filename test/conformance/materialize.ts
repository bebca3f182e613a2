/** Puts a written-down tree on disk. */
import * as sys from '../harness/sys/index.js';
import { asEntry, type Entry, type Facts, type Tree } from './tree.js';

/** Names of the first file of each hard link group, by its word. */
type Links = Map<string, string>;

/** Creates the entries of `tree` in the existing directory `at`, in the overlay dialect. */
export function materialize(at: string, tree: Tree): void {
  const links: Links = new Map();
  sys.withUmask(0, () => fill(at, tree, links));
}

function fill(at: string, tree: Tree, links: Links): void {
  for (const [name, value] of Object.entries(tree)) create(`${at}/${name}`, asEntry(value), links);
}

function create(path: string, entry: Entry, links: Links): void {
  switch (entry.kind) {
    case 'whiteout':
      sys.mknod(path, sys.S_IFCHR, 0);
      return;
    case 'file':
      createFile(path, entry, links);
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
      if (entry.opaque) sys.setxattr(path, 'trusted.overlay.opaque', 'y');
      fill(path, entry.entries, links);
      // Last: filling a directory changes its times.
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
  applyFacts(path, entry.facts, 0o644);
}

/**
 * Owner first, which takes set-id bits and capabilities away; mode before an ACL, whose mask it would be; times last.
 * `defaultMode` null: the mode stays.
 */
function applyFacts(path: string, facts: Facts, defaultMode: number | null): void {
  if (facts.uid !== undefined || facts.gid !== undefined) {
    sys.lchown(path, facts.uid ?? sys.KEEP, facts.gid ?? sys.KEEP);
  }
  if (defaultMode !== null && facts.mode !== undefined) sys.chmod(path, facts.mode);
  for (const [name, value] of Object.entries(facts.xattrs ?? {})) sys.setxattr(path, name, value);
  if (facts.mtime !== undefined) sys.utimens(path, sys.OMIT, { sec: facts.mtime, nsec: 0 });
}
