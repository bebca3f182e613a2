import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type CheckAnswer, CheckWorkers } from '../../../../src/service/pool/check-workers.js';

const PROGRAM = new URL('../../../fixtures/service/hanging-check.mjs', import.meta.url);
const LIMITS = { patienceMs: 20, maxThreads: 2, stuckMs: 40 };

describe('the checking threads', () => {
  let workers: CheckWorkers;
  let answers: CheckAnswer[];
  const callbacks = { line: () => {}, done: (answer: CheckAnswer) => void answers.push(answer) };
  beforeEach(() => {
    answers = [];
    workers = new CheckWorkers(PROGRAM, LIMITS);
  });
  afterEach(() => workers.close());

  /** The threads never answer an id below 100. */
  function check(id: number): void {
    const place = { cwd: -1, root: -1, mountNamespace: undefined, umask: 0 };
    const config = { config: {} } as never;
    workers.give({ kind: 'check', id, what: config, place, deviceFd: undefined, opensLog: false }, callbacks);
  }

  function unmount(id: number): void {
    const where = { namespace: undefined, device: '0:0', mountpoint: '/' };
    workers.give({ kind: 'unmount', id, where, lazy: true }, callbacks);
  }

  function answersTo(id: number): CheckAnswer[] {
    return answers.filter((answer) => answer.id === id);
  }

  it('get another one while one of them hangs, also if orders come all the time', async () => {
    check(1);
    let id = 100;
    await vi.waitUntil(
      () => {
        unmount(id++);
        return answers.length > 0;
      },
      { interval: 5, timeout: 20_000 },
    );
    expect(answers[0]).toMatchObject({ kind: 'unmounted' });
  });

  it('give up a mount if all of them hang', async () => {
    for (const id of [1, 2, 3]) check(id);
    await vi.waitUntil(() => answersTo(3).length > 0, { timeout: 20_000 });
    expect(answersTo(3)).toEqual([{ kind: 'stuck', id: 3 }]);
  });

  it('get no order after they have died', async () => {
    const place = { cwd: -1, root: -1, mountNamespace: undefined, umask: 0 };
    const what = { config: {} } as never;
    workers.give(
      { kind: 'check', id: 50, what, place, deviceFd: undefined, opensLog: false },
      {
        line: () => {},
        done: (answer) => {
          answers.push(answer);
          unmount(100);
        },
      },
    );
    await vi.waitUntil(() => answersTo(100).length > 0, { timeout: 20_000 });
    expect(answersTo(50)).toEqual([
      { kind: 'refused', id: 50, message: 'server: the checking thread has failed: a bug', errno: undefined },
    ]);
    expect(answersTo(100)).toMatchObject([{ kind: 'unmounted' }]);
  });

  it('give up no order to unmount', async () => {
    for (const id of [1, 2]) check(id);
    unmount(3);
    check(4);
    await vi.waitUntil(() => answersTo(4).length > 0, { timeout: 20_000 });
    expect(answersTo(3)).toEqual([]);
  });
});
