/**
 * What people do with a root file system, done in a chroot on the union of three layers of Debian: on the
 * kernel's overlayfs first, then on plyfs in both dialects, with the same output and the same tree in the
 * end.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DebianLayers, debianLayers, debianLayersUnavailable, fingerprint } from './debian-layers.js';
import { manifest } from './manifest.js';
import { RootMount, SERVERS, type Server } from './root-mount.js';

/** In this order: each piece finds what those before it have left. */
const WORK = [
  ['layers', 'the layers replace and delete files of each other'],
  ['install-packages', 'dpkg installs, replaces, verifies and purges packages'],
  ['compile', 'gcc compiles, links and runs a program'],
  ['git', 'git commits, merges, collects garbage, checks and clones'],
  ['sqlite', 'sqlite3 lets three processes write to a database in WAL mode'],
  ['tar', 'tar takes a tree out and in again with the same checksums'],
  ['remove-tree', 'rm -rf /usr/share removes it'],
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
      '%s: %s',
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
        if (server !== 'kernel') expect(differences(trees.kernel, trees[server])).toEqual([]);
      },
      WORKING,
    );

    it(
      'leaves an upper in which the same tree shows again, to the kernel where it can read it',
      async () => {
        await root.unmount();
        await root.mount(server === 'plyfs aufs' ? server : 'kernel');
        expect(differences(trees[server], await manifest(root.merged))).toEqual([]);
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

/** The first lines that only one of two manifests has. */
function differences(expected: readonly string[], actual: readonly string[]): string[] {
  const expectedLines = new Set(expected);
  const actualLines = new Set(actual);
  const missing = expected.filter((line) => !actualLines.has(line)).map((line) => `missing: ${line}`);
  const added = actual.filter((line) => !expectedLines.has(line)).map((line) => `added: ${line}`);
  return [...missing, ...added].slice(0, 40);
}
