/** Shell scripts that work on a tree from processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { dir, file, type Tree } from '../../conformance/tree.js';

/** Starts `script` with `$1` = `root` and `$2` = `argument`. */
export function startScript(script: string, root: string, argument = ''): ChildProcess {
  return spawn('sh', ['-eu', '-c', script, 'sh', root, argument], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Waits for the end, and returns the exit status or the signal. */
export async function ended(child: ChildProcess): Promise<number | string | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
}

/** The tree for {@link BUSY}: a directory `dN` for each worker. */
export function busyTree(workers: number, names: number): Tree {
  const numbers = Array.from({ length: names }, (_, i) => i);
  const one = dir({
    ...Object.fromEntries(numbers.map((i) => [`f${i}`, file(`lower ${i}`)])),
    ...Object.fromEntries(numbers.map((i) => [`dir${i}`, dir({ inside: `${i}` })])),
  });
  return Object.fromEntries(Array.from({ length: workers }, (_, i) => [`d${i}`, one]));
}

/**
 * Creates, changes, renames, links and removes objects in `$1/d$2`. The resulting tree depends on nothing
 * else.
 */
export const BUSY = `
cd "$1/d$2"
i=0
while [ -e "f$i" ]; do
  case $((i % 6)) in
    0) mv "f$i" "moved$i" ;;
    1) echo "appended by $2" >> "f$i" ;;
    2) rm "f$i"; mkdir "f$i"; echo in > "f$i/file" ;;
    3) echo new > tmp; mv tmp "f$i" ;;
    4) ln "f$i" "link$i"; chmod 600 "f$i" ;;
    5) rm -r "dir$i"; mkdir "dir$i"; cp "f$i" "dir$i/copy" ;;
  esac
  i=$((i + 1))
done
`;
