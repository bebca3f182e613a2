import { run } from './command.js';

/**
 * Files that differ between two runs of the same work: git's index with stat data, pack files that several
 * threads build, and the database to which several processes write in any order.
 */
const VARIES = ['./root/*/.git/index', './root/*/.git/objects/*', './srv/*', './var/cache/ldconfig/*', './var/log/*'];

/**
 * Returns the names, types, modes, owners, sizes, link targets and contents of a tree, one line each, sorted.
 */
export async function manifest(root: string): Promise<string[]> {
  const skip = VARIES.map((path) => `-path '${path}'`).join(' -o ');
  const script = `
    cd "$1"
    find . -xdev \\( ${skip} \\) -prune -o -type d -printf '%p %y %m %U %G\\n' \\
      -o -type f -printf '%p %y %m %U %G %s\\n' -o -printf '%p %y %m %U %G %l\\n'
    find . -xdev \\( ${skip} \\) -prune -o -type f -print0 | xargs -0 sha256sum`;
  return (await run('sh', ['-euc', script, 'manifest', root])).split('\n').sort();
}
