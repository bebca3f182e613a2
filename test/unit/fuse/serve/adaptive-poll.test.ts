import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { AdaptivePoll } from '../../../../src/fuse/serve/adaptive-poll.js';
import { RunQueue } from '../../../../src/sys/process/run-queue.js';

describe('looking for the next request before sleeping', () => {
  const machine = { isCrowded: false };
  let now = 0;
  let patience: AdaptivePoll;

  beforeEach(() => {
    machine.isCrowded = false;
    now = 1000;
    vi.spyOn(performance, 'now').mockImplementation(() => now);
    patience = new AdaptivePoll(machine);
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });

  /** Sleeps once, and is woken after so many milliseconds by a request. */
  function sleepFor(ms: number): void {
    patience.lookAgain();
    now += ms;
    patience.woken();
    patience.found();
  }

  it('is worth it while requests follow each other closely, and for a moment only', () => {
    sleepFor(0.1);
    expect(patience.lookAgain()).toBe(true);
    now += 0.04;
    expect(patience.lookAgain()).toBe(true);
    now += 0.02;
    expect(patience.lookAgain()).toBe(false);
  });

  it('is not worth it for a mount that is asked at leisure', () => {
    sleepFor(5);
    expect(patience.lookAgain()).toBe(false);
  });

  it('is left to others on a crowded machine, until it is no longer crowded', () => {
    sleepFor(0.1);
    now += 20;
    patience.found();
    machine.isCrowded = true;
    expect(patience.lookAgain()).toBe(false);
    machine.isCrowded = false;
    sleepFor(0.1);
    now += 20;
    expect(patience.lookAgain()).toBe(true);
  });
});

describe('what the machine has to do', () => {
  let scratch: string;
  beforeEach(() => {
    scratch = mkdtempSync(join(tmpdir(), 'plyfs-load-'));
  });
  afterEach(() => {
    rmSync(scratch, { recursive: true });
  });

  it.each([
    ['more threads run than there are processors', availableParallelism() + 1, true],
    ['each that runs has a processor', availableParallelism(), false],
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

  it('is little where nobody tells', () => {
    const queue = new RunQueue(join(scratch, 'none'));
    expect(queue.isCrowded).toBe(false);
    queue.close();
  });
});
