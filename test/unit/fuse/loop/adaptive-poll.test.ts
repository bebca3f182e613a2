import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AdaptivePoll } from '../../../../src/fuse/loop/adaptive-poll.js';
import { RunQueue } from '../../../../src/sys/process/run-queue.js';

describe('polling for the next request before sleeping', () => {
  const machine = { isCrowded: false };
  let now = 0;
  let polling: AdaptivePoll;

  beforeEach(() => {
    machine.isCrowded = false;
    now = 1000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    polling = new AdaptivePoll(machine);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Sleeps once; a request wakes the server after so many milliseconds. */
  function sleepFor(ms: number): void {
    polling.continues();
    now += ms;
    polling.woken();
    polling.found();
  }

  it('continues for a moment if requests follow each other closely', () => {
    sleepFor(0.1);
    expect(polling.continues()).toBe(true);
    now += 0.04;
    expect(polling.continues()).toBe(true);
    now += 0.02;
    expect(polling.continues()).toBe(false);
  });

  it('ends at once if requests are far apart', () => {
    sleepFor(5);
    expect(polling.continues()).toBe(false);
  });

  it('ends at once while the machine is crowded', () => {
    sleepFor(0.1);
    now += 20;
    polling.found();
    machine.isCrowded = true;
    expect(polling.continues()).toBe(false);
    machine.isCrowded = false;
    sleepFor(0.1);
    now += 20;
    expect(polling.continues()).toBe(true);
  });
});

describe('the run queue', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'plyfs-load-'));
  });
  afterEach(() => {
    rmSync(scratch, { recursive: true });
  });

  it.each([
    ['is crowded if more threads run than there are processors', availableParallelism() + 1, true],
    ['is not crowded if each running thread has a processor', availableParallelism(), false],
  ])('%s', (_, running, crowded) => {
    const file = join(scratch, 'loadavg');
    writeFileSync(file, `0.20 0.18 0.12 ${running}/80 11206\n`);
    const queue = new RunQueue(file);
    try {
      expect(queue.isCrowded).toBe(crowded);
    } finally {
      queue.close();
    }
  });

  it('is not crowded if the kernel does not report its length', () => {
    const queue = new RunQueue(join(scratch, 'none'));
    expect(queue.isCrowded).toBe(false);
    queue.close();
  });
});
