import { run } from './command.js';

/**
 * What differs between two runs of the same work: stat data of files, pack files (built by several threads),
 * and the database that several processes write in any order.
 */
const VARIES = ['./root/*/.git/index', './root/*/.git/objects/*', './srv/*', './var/cache/ldconfig/*', './var/log/*'];

/** Names, types, modes, owners, sizes, link targets and contents of a tree, one line each, sorted. */
export async function manifest(root: string): Promise<string[]> {
  const skip = VARIES.map((path) => `-path '${path}'`).join(' -o ');
  const script = `
    cd "$1"
    find . -xdev \\( ${skip} \\) -prune -o -type d -printf '%p %y %m %U %G\\n' \\
      -o -type f -printf '%p %y %m %U %G %s\\n' -o -printf '%p %y %m %U %G %l\\n'
    find . -xdev \\( ${skip} \\) -prune -o -type f -print0 | xargs -0 sha256sum`;
  return (await run('sh', ['-euc', script, 'manifest', root])).split('\n').sort();
}
