/**
 * The server is killed (kill -9) between and within changes of names. The next mount shows a state that some
 * number of the calls explains, made in their order. No hidden lower object reappears, and no object is lost.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, type Tree } from '../../conformance/tree.js';
import { mountsUnavailable, unmount, waitFor } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../harness/snapshot.js';
import { DIALECTS } from '../harness/dialects.js';
import { ended, startScript } from '../harness/workload.js';

const NAMES = 90;
const MOMENTS = [1, 37, 74];
/**
 * For each number: rename a lower file, replace a lower file, replace a directory by a file and a file by a
 * directory.
 */
const SCRIPT = `
cd "$1"
i=0
while [ $i -lt ${NAMES} ]; do
  mv "f$i" "g$i"
  echo "new $i" > tmp; mv tmp "r$i"
  rm "u$i"; mkdir "u$i"
  rm -r "d$i"; echo file > "d$i"
  i=$((i + 1))
done
`;
const numbers = Array.from({ length: NAMES }, (_, i) => i);
const LOWER: Tree = Object.fromEntries(
  numbers.flatMap((i) => [
    [`f${i}`, file(`content ${i}\n`, { mode: 0o640, mtime: 1000 })],
    [`r${i}`, file(`old ${i}\n`)],
    [`u${i}`, file('a file')],
    [`d${i}`, dir({ inside: 'must not come back' })],
  ]),
);

describe.each(DIALECTS)('a server killed between changes of names, $name dialect', (dialect) => {
  const unavailable = mountsUnavailable() ?? dialect.unavailable();
  let base: string;
  let layers: WritableLayerDirs;
  beforeEach(() => {
    base = makeScratch('crash-order');
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    removeScratch(base);
  });

  it.skipIf(unavailable !== null).each(MOMENTS)(
    'shows the changes in their order when it dies at number %i',
    async (moment) => {
      mkdirSync(join(base, 'run'));
      layers = makeLayerDirs(join(base, 'run'));
      materialize(join(base, 'run', 'lower1'), LOWER);
      const mounted = await dialect.mountWithOwnServer(layers);
      const script = startScript(`exec 2> /dev/null; ${SCRIPT}`, layers.mountpoint);
      await waitFor(() => existsSync(join(layers.upper, `g${moment}`)), `number ${moment}`);
      await mounted.server.kill();
      expect(await ended(script)).not.toBe(0);
      mounted.unmount();

      const byOther = shownByOther();
      const next = dialect.mount(layers);
      expect(readdirSync(dialect.staging(layers))).toEqual([]);
      if (byOther !== null) expect(snapshot(layers.mountpoint)).toEqual(byOther);
      checkOrder(layers.mountpoint, moment);
      next.unmount();
    },
  );

  function shownByOther(): Snapshot | null {
    if (dialect.mountOther === null) return null;
    const other = dialect.mountOther(layers);
    const shown = snapshot(layers.mountpoint);
    other.unmount();
    return shown;
  }

  /**
   * Returns how many changes of number `i` were made, from 0 (none) to 4 (all). A change that is half made
   * counts.
   */
  function changesMade(root: string, i: number): number {
    const [f, g] = [existsSync(join(root, `f${i}`)), existsSync(join(root, `g${i}`))];
    expect([f, g], `f${i} and g${i}: one of them`).toContain(true);
    expect([f, g], `f${i} and g${i}: not both`).toContain(false);
    expect(readFileSync(join(root, f ? `f${i}` : `g${i}`), 'utf8')).toBe(`content ${i}\n`);
    const replaced = readFileSync(join(root, `r${i}`), 'utf8');
    expect([`old ${i}\n`, `new ${i}\n`]).toContain(replaced);
    const u = statSync(join(root, `u${i}`), { throwIfNoEntry: false });
    const d = statSync(join(root, `d${i}`), { throwIfNoEntry: false });
    if (u?.isDirectory()) expect(readdirSync(join(root, `u${i}`))).toEqual([]);
    const made = [g, replaced.startsWith('new'), u === undefined || u.isDirectory(), d === undefined || d.isFile()];
    const count = made.lastIndexOf(true) + 1;
    expect(made.slice(0, count), `number ${i}: in order`).toEqual(made.slice(0, count).map(() => true));
    return count;
  }

  /** Expects all numbers before the first unfinished one to be finished, and all after it to be untouched. */
  function checkOrder(root: string, moment: number): void {
    const counts = numbers.map((i) => changesMade(root, i));
    const finished = counts.findIndex((count) => count < 4);
    expect(finished).toBeGreaterThanOrEqual(moment - 1);
    expect(counts.slice(finished + 1)).toEqual(counts.slice(finished + 1).map(() => 0));
  }
});
