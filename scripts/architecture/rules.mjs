/**
 * Which folder of src may import which; imports only point down. An entry is a folder, or one file of it where only
 * that file may be seen.
 */
export const ALLOWED = new Map([
  ['cli', ['server', 'store', 'fuse', 'sys', 'core']],
  ['index', ['server', 'core']],
  ['server', ['union', 'fuse', 'sys', 'core']],
  ['store', ['copyup', 'whiteout', 'sys', 'core']],
  ['union', ['copyup', 'whiteout', 'fuse/operations', 'sys', 'core']],
  ['copyup', ['whiteout', 'sys', 'core']],
  ['whiteout', ['sys', 'core']],
  ['fuse', ['sys', 'core']],
  ['sys', ['core']],
  ['core', []],
]);

/** Packages that only one folder may import. */
const PACKAGE_HOMES = new Map([
  ['koffi', 'sys'],
  ['commander', 'cli'],
  ['fuse-native', 'fuse'],
]);

/** src/union/node.ts → union; src/index.ts → index. */
export function folderOf(path) {
  return path
    .replace(/^src\//, '')
    .split('/')[0]
    .replace(/\.ts$/, '');
}

/** Says why `importer` may not import `target` (a path under src, or a package), or undefined when it may. */
export function ruleViolation(importer, target) {
  const from = folderOf(importer);
  if (!target.startsWith('src/')) {
    const home = PACKAGE_HOMES.get(target);
    return home === undefined || home === from ? undefined : `only src/${home} may`;
  }
  const to = folderOf(target);
  if (from === to) return undefined;
  const allowed = ALLOWED.get(from) ?? [];
  if (allowed.includes(to) || allowed.includes(target.replace(/^src\/|\.ts$/g, ''))) return undefined;
  return allowed.length > 0 ? `src/${from} may import only ${allowed.join(', ')}` : `src/${from} may import nothing`;
}
