/**
 * A server is killed (kill -9) before each system call that changes something, in each operation and
 * placement. Then the kernel and plyfs mount the layers: both show the state before or after the operation,
 * the work directory is empty, synced data is present, no lower layer has changed, and the union accepts
 * changes.
 *
 * The killed process serves a union without a kernel (test/fixtures/kills), because some thousand mounts
 * would take hours. PLYFS_KILLS selects the moments:
 * - `all` (`npm run test:kills`): kills a process at every moment in every case, and prints what it tried.
 * - `simulate`: simulates the death at every moment in every case. The server makes no further call that
 *   changes something, which leaves the same state on the disk and takes a tenth of the time.
 * - default: simulates the death at every eighth moment and at the last ones. With the overlay's features on,
 *   it tries a sample of the cases.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeMemoryScratch, removeScratch } from '../../harness/scratch.js';
import { changeCases } from './kills/cases/change.js';
import { indexCases } from './kills/cases/index-directory.js';
import { makeCases } from './kills/cases/make.js';
import { metacopyCases } from './kills/cases/metacopy.js';
import { mountCases } from './kills/cases/mount.js';
import { redirectCases } from './kills/cases/redirect.js';
import { removeCases } from './kills/cases/remove.js';
import { renameCases } from './kills/cases/rename.js';
import { Executors } from './kills/executor.js';
import type { KillCase } from './kills/kill-case.js';
import { type Choice, KillRun, type Outcome } from './kills/kill-run.js';
import { MODES, type Mode } from './kills/modes.js';

const CASES: readonly KillCase[] = [
  ...[...makeCases, ...removeCases, ...renameCases, ...changeCases, ...mountCases],
  ...[...redirectCases, ...metacopyCases, ...indexCases],
];
const ALL = process.env.PLYFS_KILLS === 'all' || process.env.PLYFS_KILLS === 'simulate';

const STEP = 8;

const all: Choice = () => (process.env.PLYFS_KILLS === 'all' ? 'kill' : 'simulate');

/**
 * Chooses every eighth moment, other ones in each case, and the last ones, which give objects their names.
 */
function some(index: number): Choice {
  return (at, points) => (at % STEP === index % STEP || at > points - 2 ? 'simulate' : 'skip');
}

for (const mode of MODES) {
  const unavailable = mode.unavailable();
  if (unavailable !== null) process.stdout.write(`kills, ${mode.name}: skipped: ${unavailable}\n`);
  describe.skipIf(unavailable !== null)(`a server killed in the mode ${mode.name}`, () => {
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
        const outcome = await new KillRun(place, mode, one, executors).run(ALL ? all : some(index));
        outcomes.set(title, outcome);
        removeScratch(place);
        expect(outcome.failures.join('\n')).toBe('');
      },
    );
  });
}

/** In a mode with features: every fourth case that needs one of them, and every seventeenth of all others. */
function isSampled(
  { needs, usesThreads, copyThread }: KillCase,
  { dialect, features, volatile }: Mode,
  index: number,
): boolean {
  if (dialect === 'aufs' || (features.size === 0 && !volatile)) return true;
  if (usesThreads === true || copyThread === true) return false;
  // metacopy implies redirect_dir, which has a mode of its own.
  const own = needs !== undefined && features.has(needs) && !(needs === 'redirect_dir' && features.has('metacopy'));
  return index % (own && features.size < 3 ? 4 : 17) === 0;
}

function isFor({ dialects, needs }: KillCase, { dialect, features }: Mode): boolean {
  return (dialects === undefined || dialects.includes(dialect)) && (needs === undefined || features.has(needs));
}

/** A line with the sum of all cases. When all moments were tried, a line for each case too. */
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
