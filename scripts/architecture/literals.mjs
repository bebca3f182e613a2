/**
 * Facts of the on-disk formats that one place alone may know. A second place that spells one out would have
 * to be found again whenever a dialect changes.
 */
const FACTS = [
  {
    what: 'the aufs prefix .wh.',
    pattern: /(['"`])[^'"`\n]*\.wh\.[^'"`\n]*\1/,
    allowed: (path) => path.startsWith('src/whiteout/aufs/') || path === 'src/whiteout/aufs-names.ts',
  },
  {
    what: 'the name of an overlay attribute',
    pattern: /overlay\.(?:opaque|redirect|metacopy|origin|impure|nlink|upper|uuid|whiteout|xwhiteouts|protattr)\b/,
    allowed: (path) => path.startsWith('src/whiteout/'),
  },
  {
    what: 'the attribute namespace of an overlay',
    pattern: /(?:trusted|user)\.(?:overlay|fuseoverlayfs)\./,
    allowed: (path) => path.startsWith('src/whiteout/'),
  },
  {
    what: 'the test for device 0:0',
    pattern: /\brdev(?:Major|Minor)?\s*[!=]==\s*0\b/,
    allowed: (path) => path.startsWith('src/whiteout/'),
    onlyOneFile: true,
  },
];

const homes = new Map();

/** @param {import('./sources.mjs').Source} source @returns {string[]} */
export function findForbiddenLiterals({ path, code }) {
  const problems = [];
  for (const { what, pattern, allowed, onlyOneFile } of FACTS) {
    if (!pattern.test(code)) continue;
    if (!allowed(path)) problems.push(`${path}: knows ${what}`);
    else if (onlyOneFile && homes.has(what)) problems.push(`${path}: knows ${what}, as does ${homes.get(what)}`);
    homes.set(what, path);
  }
  return problems;
}
