/**
 * Facts that only some places may know: names and values on disk, and layouts of the kernel. If a second
 * place had the same literal, a change would have to find it.
 *
 * `places` are beginnings of paths. With `onlyOneFile`, only one file of these places may have the literal.
 */
const FACTS = [
  {
    what: 'the aufs prefix .wh.',
    pattern: /(['"`])[^'"`\n]*\.wh\.[^'"`\n]*\1/,
    // The help describes the names.
    places: ['src/whiteout/aufs/', 'src/whiteout/aufs-names.ts', 'src/cli/manual/pages.ts'],
  },
  {
    what: 'the name of an overlay attribute',
    pattern: /overlay\.(?:opaque|redirect|metacopy|origin|impure|nlink|upper|uuid|whiteout|xwhiteouts|protattr)\b/,
    places: ['src/whiteout/'],
  },
  {
    what: 'the attribute namespace of an overlay',
    pattern: /(?:trusted|user)\.(?:overlay|fuseoverlayfs)\./,
    places: ['src/whiteout/'],
  },
  {
    what: 'the test for device 0:0',
    pattern: /\brdev(?:Major|Minor)?\s*[!=]==\s*0\b/,
    places: ['src/whiteout/'],
    onlyOneFile: true,
  },
  {
    what: 'the name or the namespace of an attribute of the kernel',
    pattern: /(['"`])(?:security\.(?:capability)?|system\.posix_acl\w*|trusted\.|user\.)\1/,
    places: ['src/core/xattr-names.ts'],
  },
  {
    what: 'the layout of an ACL',
    pattern: /\bacl\w*\.(?:read|write)U?Int/i,
    places: ['src/core/posix-acl.ts', 'src/core/xattr-names.ts'],
  },
  {
    what: 'a value of an opaque mark',
    pattern: /(?:===|Buffer\.from\(|= )\s*'[xy]'/,
    places: ['src/whiteout/overlay/opaque-mark.ts'],
  },
  {
    what: 'the value of a high word',
    pattern: /\b2 \*\* 32\b|\b0x1_?0000_?0000\b|\b4_?294_?967_?296\b/,
    places: ['src/sys/u64.ts'],
  },
  {
    what: "the owner's permissions under a name of its own",
    pattern: /\bOWNER\w* = 0o/,
    places: ['src/core/file-mode.ts'],
  },
  {
    what: 'the files of /proc that describe mounts and processes',
    pattern: /\/proc\/(?:self|\$\{\w+\})\/(?:mountinfo|status)\b|\b(?:CapEff|SigPnd|mnt_id)\s*:/,
    places: ['src/sys/'],
  },
];

const homes = new Map();

/** @param {import('./sources.mjs').Source} source @returns {string[]} */
export function findForbiddenLiterals({ path, code }) {
  const problems = [];
  for (const { what, pattern, places, onlyOneFile } of FACTS) {
    if (!pattern.test(code)) continue;
    if (!places.some((place) => path.startsWith(place))) problems.push(`${path}: knows ${what}`);
    else if (onlyOneFile && homes.has(what)) problems.push(`${path}: knows ${what}, as does ${homes.get(what)}`);
    homes.set(what, path);
  }
  return problems;
}
