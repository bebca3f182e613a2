/** Many processes that work in one tree at once leave the same tree as one after the other. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, type Tree } from '../../conformance/tree.js';
import { type Mounted, mountPlyfs, mountsUnavailable } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';
import { DIALECTS } from '../harness/dialects.js';
import { BUSY, busyTree, ended, startScript } from '../harness/workload.js';

const unavailable = mountsUnavailable();
const WORKERS = 4;
const NAMES = 120;
/**
 * Reads the whole tree in a loop until the file `running` is removed. Objects can disappear while it reads
 * them.
 */
const WATCH = 'while [ -e "$1/running" ]; do ls -lR "$1"; find "$1" -type f -exec cat {} +; done 2> /dev/null || true';

describe.skipIf(unavailable !== null)(`concurrent processes${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let mounted: Mounted;
  let plain: string;
  beforeEach(() => {
    base = makeScratch('concurrency');
    const layers = makeLayerDirs(base);
    plain = join(base, 'plain');
    mkdirSync(plain);
    const tree = { ...busyTree(WORKERS, NAMES), running: '' };
    materialize(plain, tree);
    materialize(join(base, 'lower1'), tree);
    mounted = mountPlyfs(layers);
  });
  afterEach(() => {
    mounted?.unmount();
    removeScratch(base);
  });

  it('leave the tree of a plain directory: four writers and two readers', async () => {
    const watchers = [1, 2].map(() => startScript(WATCH, mounted.mountpoint));
    const writers = Array.from({ length: WORKERS }, (_, i) => startScript(BUSY, mounted.mountpoint, String(i)));
    expect(await Promise.all(writers.map(ended))).toEqual(writers.map(() => 0));
    const stop = startScript('rm "$1/running"', mounted.mountpoint);
    expect(await Promise.all([stop, ...watchers].map(ended))).toEqual([0, 0, 0]);

    for (let i = 0; i < WORKERS; i++) expect(await ended(startScript(BUSY, plain, String(i)))).toBe(0);
    expect(await ended(startScript('rm "$1/running"', plain))).toBe(0);
    const options = { without: ['mtime'] } as const;
    expect(snapshot(mounted.mountpoint, options)).toEqual(snapshot(plain, options));
  });
});

const MINUTES = Number(process.env.PLYFS_MINUTES ?? 0);
const CROWD = 64;
/** The number of operations of each process when no time is given. */
const OPERATIONS = 60;
const DIRECTORIES = 8;
const SHARED = 64;
const STABLE = 1500;
const script = (name: string): string => fileURLToPath(new URL(`../harness/${name}`, import.meta.url));

/**
 * The tree that all processes work in: directories of which a lower layer has a part, with names that all
 * processes want and names that stay.
 */
function crowdTree(): Tree {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  return Object.fromEntries(
    numbers(DIRECTORIES).map((d) => [
      `d${d}`,
      dir({
        ...Object.fromEntries(numbers(SHARED).map((i) => [`shared${i}`, file(`shared d${d}/shared${i}`)])),
        ...(d === 0 ? Object.fromEntries(numbers(STABLE).map((i) => [`stable${i}`, file('stays')])) : {}),
      }),
    ]),
  );
}

/** Maps the path of each entry of the directories to its content, or to `/` for a directory. */
function crowdEntries(root: string): Map<string, string> {
  const entries = new Map<string, string>();
  for (let d = 0; d < DIRECTORIES; d++) {
    for (const name of sys.listNames(join(root, `d${d}`))) {
      const path = `d${d}/${name}`;
      const isDirectory = sys.isDirectory(sys.lstat(join(root, path)).mode);
      entries.set(path, isDirectory ? '/' : sys.readFile(join(root, path)));
    }
  }
  return entries;
}

const crowdUnavailable =
  unavailable ?? (spawnSync('perl', ['-v']).status === 0 ? null : 'perl is missing, which runs the processes');

describe.skipIf(crowdUnavailable !== null)(
  `${CROWD} processes in one tree${crowdUnavailable === null ? '' : `: ${crowdUnavailable}`}`,
  () => {
    let base: string;
    let layers: WritableLayerDirs;
    let mounted: Mounted | null = null;
    beforeEach(() => {
      base = makeScratch('crowd');
      layers = makeLayerDirs(base);
      materialize(join(base, 'lower1'), crowdTree());
    });
    afterEach(() => {
      mounted?.unmount();
      mounted = null;
      removeScratch(base);
    });

    const perl = (...args: string[]) => spawn('perl', args, { stdio: ['ignore', 'ignore', 'inherit'] });

    /**
     * Runs the processes. Returns the entries that must exist by their reports, and the errors in the
     * reports.
     */
    async function crowd(root: string): Promise<{ accounted: Map<string, string>; wrong: string[] }> {
      const running = join(base, 'running');
      writeFileSync(running, '');
      const watcher = perl(script('watch-listing.pl'), join(root, 'd0'), running, 'stable', String(STABLE));
      const reports = Array.from({ length: CROWD }, (_, i) => join(base, `report${i}`));
      const members = reports.map((report, i) =>
        perl(script('crowd.pl'), root, String(i), String(OPERATIONS), String(MINUTES * 60), report),
      );
      expect(await Promise.all(members.map(ended))).toEqual(members.map(() => 0));
      sys.unlink(running);
      expect(await ended(watcher)).toBe(0);
      const lines = reports.flatMap((report) => readFileSync(report, 'latin1').split('\n').filter(Boolean));
      const wrong = lines.filter((line) => line.startsWith('!'));
      const claims = lines.filter((line) => line.startsWith('=')).map((line) => line.slice(1));
      const own = lines.filter((line) => line.includes('\t')).map((line) => line.split('\t') as [string, string]);
      const accounted = new Map(own);
      expect(accounted.size).toBe(own.length);
      // One process has claimed each shared name, or none has.
      expect(new Set(claims).size).toBe(claims.length);
      for (const [path, content] of crowdEntries(join(base, 'lower1')))
        if (!claims.includes(path)) accounted.set(path, content);
      return { accounted, wrong };
    }

    it.each(DIALECTS.map((dialect) => [dialect.name, dialect] as const))(
      'lose no name and leave no phantom, also after a remount (%s)',
      async (_name, dialect) => {
        mounted = dialect.mount(layers);
        const { accounted, wrong } = await crowd(mounted.mountpoint);
        expect(wrong).toEqual([]);
        expect(crowdEntries(mounted.mountpoint)).toEqual(accounted);
        for (const again of [dialect.mount, ...(dialect.mountOther === null ? [] : [dialect.mountOther])]) {
          mounted.unmount();
          mounted = again(layers);
          expect(crowdEntries(mounted.mountpoint)).toEqual(accounted);
        }
      },
      120_000 + MINUTES * 120_000,
    );
  },
);
