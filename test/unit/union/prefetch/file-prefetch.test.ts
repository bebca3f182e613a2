/** Files that are prefetched: those whose pages are in the page cache before a request for them. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { createUnion } from '../../../../src/union/index.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

const COUNT = 24;
const PAGES = Buffer.alloc(16_384, 'x');
const O_RDONLY = 0;

let home: string;
let union: Operations;
/** In the order of the listing. */
let listed: EntryName[];

function path(name: string): string {
  return join(home, 'base', name);
}

/** Drops clean pages that are not mapped from the page cache. */
function evict(name: string): void {
  execFileSync('dd', [`if=${path(name)}`, 'iflag=nocache', 'count=0', 'status=none']);
}

function isCached(name: string): boolean {
  const pages = execFileSync('fincore', ['--noheadings', '--output', 'PAGES', path(name)], { encoding: 'utf8' });
  return Number(pages) > 0;
}

/** The reason to skip the tests: a file system in memory never drops its pages. */
const unavailable = ((): string | null => {
  const scratch = makeScratch('prefetch');
  try {
    const file = join(scratch, 'file');
    writeFileSync(file, PAGES, { flush: true });
    execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none']);
    const left = execFileSync('fincore', ['--noheadings', '--output', 'PAGES', file], { encoding: 'utf8' });
    return Number(left) === 0 ? null : 'the file system of the temporary directory keeps all pages';
  } catch (error) {
    return `fincore(1) and dd(1) are needed: ${String(error)}`;
  } finally {
    removeScratch(scratch);
  }
})();

function list(id: NodeId): EntryName[] {
  const names: EntryName[] = [];
  const sink: DirectorySink = {
    fits: () => true,
    add: (name) => {
      names.push(name);
    },
    addPlus: () => {},
  };
  union.readdir(id, 0, sink, { plus: false, noatime: false });
  return names.filter((name) => name !== '.' && name !== '..');
}

function openAndClose(name: EntryName): void {
  const entry = union.lookup(ROOT_ID, name);
  if (entry === null) throw new Error(`${name} is not there`);
  const { nodeid } = entry;
  union.open(nodeid, O_RDONLY, null);
  union.release(nodeid, O_RDONLY);
  union.forget(nodeid, 1);
}

/** Lets the union do all its work for idle times. Returns the number of steps. */
function rest(): number {
  for (let steps = 0; ; steps++) if (!union.prefetch()) return steps;
}

describe.skipIf(unavailable !== null)(`files fetched ahead${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  beforeEach(() => {
    home = makeScratch('prefetch');
    for (const name of ['base', 'upper', 'work']) mkdirSync(join(home, name));
    for (let i = 0; i < COUNT; i++) writeFileSync(path(`file-${i}`), PAGES, { flush: true });
    union = createUnion({
      lowers: [join(home, 'base')],
      upper: join(home, 'upper'),
      work: join(home, 'work'),
      volatile: true,
      log: () => {},
    });
    listed = list(ROOT_ID);
    for (const name of listed) evict(name);
  });

  afterEach(() => {
    union.close();
    removeScratch(home);
  });

  it('are the next of the listing, once three have been opened in its order', () => {
    for (const name of listed.slice(0, 2)) openAndClose(name);
    expect(rest()).toBe(0);
    openAndClose(listed[2] as EntryName);
    expect(rest()).toBe(8);
    expect(listed.map(isCached)).toEqual(listed.map((_, i) => i < 11));
  });

  it('are one more for each open, up to the end of the directory', () => {
    let fetched = 0;
    for (const name of listed) {
      openAndClose(name);
      fetched += rest();
    }
    expect(fetched).toBe(COUNT - 3);
    expect(listed.every(isCached)).toBe(true);
  });

  it('are none if files are opened in another order', () => {
    for (const name of [...listed].reverse().slice(0, 6)) openAndClose(name);
    expect(rest()).toBe(0);
    expect(listed.filter(isCached)).toHaveLength(6);
  });

  it('are no more when an open does not follow the order', () => {
    for (const name of listed.slice(0, 3)) openAndClose(name);
    openAndClose(listed[20] as EntryName);
    expect(rest()).toBe(0);
    expect(isCached(listed[21] as EntryName)).toBe(false);
  });

  it('can be removed, or become another object, before it is prefetched', () => {
    rmSync(path(listed[3] as string));
    rmSync(path(listed[4] as string));
    execFileSync('mkfifo', [path(listed[4] as string)]);
    for (const name of listed.slice(0, 3)) openAndClose(name);
    expect(rest()).toBe(8);
    expect(isCached(listed[5] as EntryName)).toBe(true);
  });
});
