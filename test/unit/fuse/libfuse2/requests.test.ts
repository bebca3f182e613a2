/** Every request has exactly one reply, whether its operation returns, throws or parks. */
import { readSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Errno, fsError } from '../../../../src/core/errno.js';
import { Requests } from '../../../../src/fuse/libfuse2/requests.js';
import { Parked } from '../../../../src/fuse/operations.js';
import { close } from '../../../../src/sys/files/open.js';
import { openEventfd, signalEventfd } from '../../../../src/sys/waiting/eventfd.js';

const LIMIT = 60_000;

let completionFd: number;
let progress: number;
let log: string[];
let answers: (number | string)[];
let requests: Requests;
let running: number;

beforeEach(() => {
  vi.useFakeTimers();
  completionFd = openEventfd();
  progress = 0;
  running = 0;
  log = [];
  answers = [];
  requests = serving(true);
});

afterEach(() => {
  requests.close();
  close(completionFd);
  vi.useRealTimers();
});

function serving(writable: boolean): Requests {
  const completions = {
    completionFd,
    progress: () => progress,
    takeCompleted: () => {
      readSync(completionFd, Buffer.alloc(8));
      return [7];
    },
  };
  const watch = {
    begin: () => {
      running++;
    },
    end: () => {
      running--;
    },
  };
  return new Requests(completions, { writable, limit: LIMIT, log: (line) => log.push(line), watch });
}

function ask(operation: () => string, changes = false): void {
  requests.serve('op "/f"', changes, operation, {
    ok: (value) => answers.push(value),
    fail: (errno) => answers.push(errno),
  });
}

describe('a request', () => {
  it('has the result of its operation as its reply', () => {
    ask(() => 'value');
    expect([answers, log, running]).toEqual([['value'], [], 0]);
  });

  it('has the errno that its operation throws as its reply, without a line of log', () => {
    ask(() => {
      throw fsError(Errno.ENOTEMPTY, 'rmdir');
    });
    expect([answers, log, running]).toEqual([[Errno.ENOTEMPTY], [], 0]);
  });

  it('has EIO as its reply for any other exception, and one line of log', () => {
    ask(() => {
      throw new TypeError('oops');
    });
    expect([answers, log, running]).toEqual([[Errno.EIO], ['EIO to op "/f": TypeError: oops'], 0]);
  });

  it('that changes the tree fails on a mount that is not writable, and its operation is not called', () => {
    requests = serving(false);
    ask(() => 'done', true);
    ask(() => 'seen');
    expect(answers).toEqual([Errno.EROFS, 'seen']);
  });
});

describe('a request whose operation parks', () => {
  let completed: boolean;

  beforeEach(() => {
    completed = false;
    ask(() => {
      if (!completed) throw new Parked(7);
      return 'late';
    });
  });

  it('waits, and is served again from its beginning when its work is done', () => {
    vi.advanceTimersByTime(1000);
    expect([answers, requests.parked, running]).toEqual([[], 1, 0]);
    completed = true;
    signalEventfd(completionFd);
    vi.advanceTimersByTime(10);
    expect([answers, requests.parked]).toEqual([['late'], 0]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits as long as its work makes progress', () => {
    for (let i = 0; i < 10; i++) {
      progress++;
      vi.advanceTimersByTime(LIMIT);
    }
    expect(answers).toEqual([]);
  });

  it('has ETIMEDOUT as its reply if its work makes no progress for the time limit', () => {
    vi.advanceTimersByTime(LIMIT + 10);
    expect(answers).toEqual([Errno.ETIMEDOUT]);
    expect(log).toEqual(['ETIMEDOUT to op "/f": no progress for 60 s']);
    completed = true;
    signalEventfd(completionFd);
    vi.advanceTimersByTime(LIMIT);
    expect(answers).toHaveLength(1);
  });
});
