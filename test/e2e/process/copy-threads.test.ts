/** The threads that copy large files: whose fds they use, whose turn it is, and when they end. */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CopyOrder } from '../../../src/copyup/pool/copy-message.js';
import type { CopyPool as Pool } from '../../../src/copyup/pool/copy-pool.js';
import type { CopyQueue } from '../../../src/copyup/pool/copy-queue.js';
import { threadIds } from '../../../src/sys/process/thread.js';
import { openTimerfd } from '../../../src/sys/waiting/timerfd.js';
import { Faults, FaultyLayer } from '../../harness/faulty-layer.js';
import { mountsUnavailable, waitFor } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

const program = new URL('../../../dist/copyup/pool/copy-pool.js', import.meta.url).href;
const { CopyPool } = (await import(program)) as { CopyPool: typeof Pool };
const unavailable = mountsUnavailable();

const MIB = 1 << 20;
/** The length of a copy that does not end during a test. */
const ENDLESS = 2 ** 42;

let home: string;
let pool: Pool;
let mounts: Map<CopyQueue, number>;
let nextKey: number;
/** The fds that the test has open itself. */
let own: Set<number>;

beforeEach(() => {
  home = makeScratch('copies');
  mounts = new Map();
  nextKey = 1;
  own = new Set();
});

afterEach(() => {
  for (const queue of [...mounts.keys()]) leave(queue);
  pool.close();
  for (const fd of own) closeSync(fd);
  removeScratch(home);
});

function addMount(): CopyQueue {
  const doneFd = openTimerfd();
  const queue = pool.join(doneFd, () => {});
  mounts.set(queue, doneFd);
  return queue;
}

function leave(queue: CopyQueue): void {
  pool.leave(queue);
  closeSync(mounts.get(queue) as number);
  mounts.delete(queue);
}

/** The number of fds of this process, besides the test's own, that have one of these files open. */
function othersOf(...names: string[]): number {
  const paths = names.map((name) => join(home, name));
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return !own.has(Number(fd)) && paths.includes(readlinkSync(`/proc/self/fd/${fd}`));
    } catch {
      return false; // The fd with which the directory was read.
    }
  }).length;
}

function open(name: string, flags = 'w+'): number {
  const fd = openSync(join(home, name), flags);
  own.add(fd);
  return fd;
}

function close(fd: number): void {
  closeSync(fd);
  own.delete(fd);
}

/** Submits a copy of the data of `from`, and returns the key. */
function submit(queue: CopyQueue, from: number, to: number, more: Partial<CopyOrder> = {}): number {
  const key = nextKey++;
  const { size: length } = fstatSync(from);
  pool.submit(queue, { key, from, to, length, sparse: false, sync: false, isInPlace: false, ...more });
  return key;
}

/** Submits a copy that does not end, of a file that is one hole. Returns the fd of the copy. */
function submitEndless(queue: CopyQueue, name: string): number {
  const from = open(`${name}-from`);
  ftruncateSync(from, ENDLESS);
  const to = open(`${name}-to`);
  submit(queue, from, to);
  return to;
}

async function reportOf(queue: CopyQueue): Promise<{ key: number; errno: number }> {
  let reports: { key: number; errno: number }[] = [];
  await waitFor(() => {
    reports = pool.takeReports(queue);
    return reports.length > 0;
  }, 'a report');
  return reports[0] as { key: number; errno: number };
}

const begun = (to: number): Promise<void> => waitFor(() => fstatSync(to).size > 0, 'the copy to begin');

describe('a thread that copies a large file', () => {
  it('uses its own fds: those of the serving thread can be closed, and their numbers be reused', async () => {
    pool = new CopyPool();
    const queue = addMount();
    writeFileSync(join(home, 'from'), Buffer.alloc(4 * MIB, 'plyfs'));
    // A thread that starts opens files, which could get the numbers.
    submit(queue, open('from', 'r'), open('first'));
    await reportOf(queue);
    const numbers = [open('from', 'r'), open('to')];
    const key = submit(queue, numbers[0] as number, numbers[1] as number);
    for (const fd of numbers) close(fd);
    const others = [open('other'), open('victim')];
    expect(others.sort()).toEqual(numbers.sort());
    expect(await reportOf(queue)).toEqual({ key, errno: 0 });
    expect(others.map((fd) => fstatSync(fd).size)).toEqual([0, 0]);
    expect(readFileSync(join(home, 'to')).equals(readFileSync(join(home, 'from')))).toBe(true);
    expect(othersOf('from', 'to', 'other', 'victim')).toBe(0);
  });

  it('has stopped to write, and has closed its fds, when the mount has ended', async () => {
    pool = new CopyPool();
    const queue = addMount();
    const before = submitEndless(queue, 'large');
    await begun(before);
    expect(othersOf('large-from', 'large-to')).toBe(2);
    leave(queue);
    expect(othersOf('large-from', 'large-to')).toBe(0);
    const { size } = fstatSync(before);
    expect(size).toBeLessThan(ENDLESS);
    const next = addMount();
    writeFileSync(join(home, 'small'), 'small');
    submit(next, open('small', 'r'), open('copy'));
    expect(await reportOf(next)).toMatchObject({ errno: 0 });
    expect(fstatSync(before).size).toBe(size);
  });

  it('copies a file of one mount while other mounts copy files without end', async () => {
    pool = new CopyPool();
    for (const name of ['a', 'b', 'c']) await begun(submitEndless(addMount(), name));
    const queue = addMount();
    writeFileSync(join(home, 'from'), Buffer.alloc(2 * MIB, 'x'));
    const key = submit(queue, open('from', 'r'), open('to'), { sync: true });
    expect(await reportOf(queue)).toEqual({ key, errno: 0 });
    expect(readFileSync(join(home, 'to')).equals(readFileSync(join(home, 'from')))).toBe(true);
  });

  it('has two files of a mount at a time, and then the next ones in their order', async () => {
    pool = new CopyPool();
    const queue = addMount();
    const first = submitEndless(queue, 'a');
    writeFileSync(join(home, 'from'), 'content');
    const keys = ['b', 'c', 'd'].map((name) => submit(queue, open('from', 'r'), open(name)));
    await begun(first);
    const reported: number[] = [];
    while (reported.length < keys.length) reported.push((await reportOf(queue)).key);
    expect(reported).toEqual(keys);
  });

  it('ends when it had no file for a while, and the next copy starts another', async () => {
    let ended = 0;
    pool = new CopyPool({ idleMs: 20, onThreadEnd: () => ended++ });
    const queue = addMount();
    writeFileSync(join(home, 'from'), 'content');
    for (const name of ['one', 'two']) {
      const key = submit(queue, open('from', 'r'), open(name));
      expect(await reportOf(queue)).toEqual({ key, errno: 0 });
      const running = threadIds().length;
      const soFar = ended;
      await waitFor(() => {
        expect(pool.takeReports(queue)).toEqual([]);
        return ended > soFar;
      }, 'the end of the thread');
      await waitFor(() => threadIds().length < running, 'Node to free it');
    }
    expect(ended).toBe(2);
  });
});

describe.skipIf(unavailable !== null)(`a layer that hangs${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  const faults = new Faults();
  let layer: FaultyLayer;
  beforeEach(async () => {
    pool = new CopyPool();
    for (const name of ['layer', 'faulty']) mkdirSync(join(home, name));
    writeFileSync(join(home, 'layer/file'), Buffer.alloc(4 * MIB, 'lower'));
    layer = await FaultyLayer.mount(join(home, 'layer'), join(home, 'faulty'), faults, 1000);
  });
  afterEach(async () => {
    faults.disarm();
    for (const fd of own) close(fd);
    await layer.unmount();
  });

  it('is not waited for, and its later answer is written neither into another file nor over data of the next mount', async () => {
    const queue = addMount();
    const numbers = [open('faulty/file', 'r'), open('upper')];
    const [from, to] = numbers as [number, number];
    faults.arm({ n: 1, errno: 'hang', kinds: ['READ'] });
    submit(queue, from, to, { isInPlace: true });
    await waitFor(() => faults.hits > 0, 'the layer to hang');
    leave(queue);
    for (const fd of numbers) close(fd);
    const others = [open('other'), open('victim')];
    writeFileSync(join(home, 'upper'), 'of the next mount');
    faults.disarm();
    await waitFor(() => othersOf('faulty/file', 'upper') === 0, 'the thread to close its fds');
    expect(readFileSync(join(home, 'upper'), 'utf8')).toBe('of the next mount');
    expect(others.map((fd) => fstatSync(fd).size)).toEqual([0, 0]);
  });
});
