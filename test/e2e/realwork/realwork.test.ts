/**
 * Usual work on a root file system, in a chroot on the union of three layers of Debian. It runs on the
 * kernel's overlayfs first, then on plyfs in both dialects, and must have the same output and leave the same
 * tree.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../harness/line-differences.js';
import { type DebianLayers, debianLayers, debianLayersUnavailable, fingerprint } from './debian-layers.js';
import { manifest } from './manifest.js';
import { RootMount, SERVERS, type Server } from './root-mount.js';

/** The scripts, in order: each uses the files that the earlier ones have left. */
const WORK = [
  ['layers', 'shows the files that the layers replace and delete'],
  ['install-packages', 'lets dpkg install, replace, verify and purge packages'],
  ['compile', 'lets gcc compile and link a program that runs'],
  ['git', 'lets git commit, merge, collect garbage, check and clone'],
  ['sqlite', 'lets three processes of sqlite3 write to a database in WAL mode'],
  ['tar', 'lets tar read and extract a tree with the same checksums'],
  ['remove-tree', 'lets rm -rf remove /usr/share'],
] as const;

const BUILDING = 20 * 60_000;
const WORKING = 5 * 60_000;

const unavailable = await debianLayersUnavailable();
const title =
  unavailable === null ? 'real work on a Debian root' : `real work on a Debian root (skipped: ${unavailable})`;

describe.skipIf(unavailable !== null)(title, () => {
  let layers: DebianLayers;
  let untouched: string;
  const outputs: Record<Server, Map<string, string>> = { kernel: new Map(), plyfs: new Map(), 'plyfs aufs': new Map() };
  const trees: Record<Server, string[]> = { kernel: [], plyfs: [], 'plyfs aufs': [] };

  beforeAll(async () => {
    layers = await debianLayers();
    untouched = await fingerprint(layers);
  }, BUILDING);

  describe.each(SERVERS)('on %s', (server) => {
    let root: RootMount;

    beforeAll(async () => {
      root = await RootMount.create(layers);
      await root.mount(server);
    }, WORKING);

    afterAll(() => root.remove(), WORKING);

    it.each(WORK)(
      '(%s) %s',
      async (piece) => {
        const output = await root.work(piece);
        outputs[server].set(piece, output);
        if (server !== 'kernel') expect(output).toBe(outputs.kernel.get(piece));
      },
      WORKING,
    );

    it(
      'leaves the same tree as the kernel',
      async () => {
        trees[server] = await manifest(root.merged);
        if (server !== 'kernel') expect(firstDifferences(trees.kernel, trees[server])).toEqual([]);
      },
      WORKING,
    );

    it(
      'leaves an upper that shows the same tree after a remount, by the kernel if it can read it',
      async () => {
        await root.unmount();
        await root.mount(server === 'plyfs aufs' ? server : 'kernel');
        expect(firstDifferences(trees[server], await manifest(root.merged))).toEqual([]);
        await root.unmount();
      },
      WORKING,
    );

    it(
      'leaves the layers untouched',
      async () => {
        expect(await fingerprint(layers)).toBe(untouched);
      },
      WORKING,
    );
  });
});

/** Returns the first lines that only one of two manifests has. */
function firstDifferences(expected: readonly string[], actual: readonly string[]): string[] {
  return lineDifferences(expected, actual).slice(0, 40);
}
