/**
 * kill -9 of the server before each system call that changes something, of each operation, in each placement.
 * Then the kernel and plyfs mount what is left: both show the state before or the state after, the work
 * directory is empty, what was synced is there, no lower layer has changed, and the union takes changes.
 *
 * What is killed is a process that serves a union without a kernel in front of it (test/fixtures/kills):
 * mounting for each of some thousand moments would take hours. `npm run test:kills` does that at each moment,
 * and prints what it tried. By default it is done at an eighth of the moments and at the last ones, and to a
 * server that only makes no call any more, which leaves the same on the disk and takes a tenth of the time;
 * and with the overlay's features on, to a sample of the cases. `PLYFS_KILLS=show` does it at each moment and
 * in all cases in that way.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeMemoryScratch, removeScratch } from '../../harness/scratch.js';
import type { KillCase } from './kills/case.js';
import { changeCases } from './kills/cases/change.js';
import { indexCases } from './kills/cases/index-directory.js';
import { makeCases } from './kills/cases/make.js';
import { metacopyCases } from './kills/cases/metacopy.js';
import { mountCases } from './kills/cases/mount.js';
import { redirectCases } from './kills/cases/redirect.js';
import { removeCases } from './kills/cases/remove.js';
import { renameCases } from './kills/cases/rename.js';
import { Executors } from './kills/executor.js';
import { MODES, type Mode } from './kills/modes.js';
import { type Choice, type Outcome, Trial } from './kills/trial.js';

const CASES: readonly KillCase[] = [
  ...[...makeCases, ...removeCases, ...renameCases, ...changeCases, ...mountCases],
  ...[...redirectCases, ...metacopyCases, ...indexCases],
];
const ALL = process.env.PLYFS_KILLS === 'all' || process.env.PLYFS_KILLS === 'show';

const STEP = 8;

const all: Choice = () => (process.env.PLYFS_KILLS === 'all' ? 'kill' : 'show');

/** Some of the moments, others in each case, and the last ones, where things get their names. */
function some(index: number): Choice {
  return (at, points) => (at % STEP === index % STEP || at > points - 2 ? 'show' : 'nothing');
}

for (const mode of MODES) {
  const unavailable = mode.unavailable();
  if (unavailable !== null) process.stdout.write(`kills, ${mode.name}: skipped: ${unavailable}\n`);
  describe.skipIf(unavailable !== null)(`killed in the ${mode.name} dialect`, () => {
    const cases = CASES.filter((one, index) => isFor(one, mode) && (ALL || isSampled(one, mode, index)));
    const outcomes = new Map<string, Outcome>();
    let base: string;
    let executors: Executors;
    beforeAll(() => {
      base = makeMemoryScratch('kills');
      executors = new Executors();
    });
    afterAll(async () => {
      await executors.end();
      removeScratch(base);
      process.stdout.write(report(mode.name, outcomes));
    });

    it.each(cases.map((one, index) => [`${one.operation}: ${one.placement}`, one, index] as const))(
      '%s',
      async (title, one, index) => {
        const place = join(base, String(index));
        mkdirSync(place);
        const outcome = await new Trial(place, mode, one, executors).run(ALL ? all : some(index));
        outcomes.set(title, outcome);
        removeScratch(place);
        expect(outcome.failures.join('\n')).toBe('');
      },
    );
  });
}

/** Of the cases for what is on every fourth, of all others one here and there. */
function isSampled(
  { needs, threads, helper }: KillCase,
  { dialect, features, volatile }: Mode,
  index: number,
): boolean {
  if (dialect === 'aufs' || (features.size === 0 && !volatile)) return true;
  if (threads === true || helper === true) return false;
  // metacopy brings redirect_dir with it, which has a mode of its own.
  const own = needs !== undefined && features.has(needs) && !(needs === 'redirect_dir' && features.has('metacopy'));
  return index % (own && features.size < 3 ? 4 : 17) === 0;
}

function isFor({ only, needs }: KillCase, { dialect, features }: Mode): boolean {
  return (only === undefined || only.includes(dialect)) && (needs === undefined || features.has(needs));
}

/** What was tried, in a line; each operation by itself when all moments were. */
function report(name: string, outcomes: ReadonlyMap<string, Outcome>): string {
  const lines = ALL
    ? [...outcomes].map(
        ([title, { tried, failures }]) =>
          `  ${String(tried).padStart(4)} ${title}${failures.length > 0 ? `: ${failures.length} FAILED` : ''}`,
      )
    : [];
  const sum = (of: (outcome: Outcome) => number): number =>
    [...outcomes.values()].reduce((before, one) => before + of(one), 0);
  const points = Number.isFinite(sum((one) => one.points)) ? ` of ${sum((one) => one.points)}` : '';
  const total = `kills, ${name}: ${outcomes.size} operations, killed at ${sum((one) => one.tried)}${points} moments, ${sum((one) => one.failures.length)} failures`;
  return `${[...lines, total].join('\n')}\n`;
}
