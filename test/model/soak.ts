/**
 * The model test for any duration. Each round is a script with its own seed. A failing script is made short,
 * written to a file and reported, and the next round begins.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { MountError } from '../../src/server/config/mount-error.js';
import { splitOptions } from '../../src/server/options/kinds/option-list.js';
import { readOptions } from '../../src/server/options/read-options.js';
import { CALLS } from './calls/index.js';
import { treeOf } from './lockstep.js';
import { newTally, type Tally } from './run.js';
import type { Operation } from './script/operation.js';
import { search } from './search.js';
import type { Target } from './sides/target.js';
import {
  FORGETFUL_ROOTLESS_TARGETS,
  FORGETFUL_STEPS,
  FORGETFUL_TARGETS,
  overlayTarget,
  STEPS,
  TARGETS,
  withoutLinksOfFiles,
} from './sides/targets.js';
import { playSteps } from './steps.js';

const USAGE = `usage: npm run soak -- [--operations N] [--minutes M] [--seed S] [--target WORD] [--features LIST] [--shrink-seconds N]
                       [--memory [--rootless]] [--without CALLS]
       node scripts/soak.mjs --steps [--aufs [--plinks]] ORACLE SUBJECT < STEPS
                       the steps of a reproduction on two mounts
       node scripts/soak.mjs --tree DIRECTORY
                       all facts of a tree, to compare it with another
       --operations  stop after so many (default 1000000); --minutes  or after so long
       --without     leave out these calls, such as setFlags,flock, to get beyond a known failure
       --memory      between the steps the kernel forgets its caches of the mounts, or both are unmounted and mounted again
       --rootless    with --memory: in a user namespace, so without passthrough
       --features    mount options for both instead, such as redirect_dir=on,metacopy=on
       --target      only targets whose name contains WORD: ${TARGETS.map(({ target }) => target.name).join('; ')};
                     with --memory ${[...FORGETFUL_TARGETS, ...FORGETFUL_ROOTLESS_TARGETS].map(({ name }) => name).join('; ')}`;

const printLine = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

class UsageError extends Error {}

interface Settings {
  readonly operations: number;
  readonly minutes: number;
  readonly seed: number;
  readonly targets: readonly Target[];
  readonly shrinkSeconds: number;
  readonly isForgetful: boolean;
}

async function soak({ operations, minutes, seed, targets, ...how }: Settings): Promise<boolean> {
  const started = Date.now();
  const tallies = new Map<Target, Tally>(targets.map((target) => [target, newTally()]));
  const failures: string[] = [];
  const done = (): number => [...tallies.values()].reduce((sum, tally) => sum + tally.operations, 0);
  let stopped = false;
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => {
      stopped = true;
    });
  }
  const steps = how.isForgetful ? FORGETFUL_STEPS : STEPS;
  for (let round = 0; !stopped && done() < operations && Date.now() - started < minutes * 60_000; round++) {
    const target = targets[round % targets.length] as Target;
    const tally = tallies.get(target) as Tally;
    const failure = await search({ target, seed: seed + round, runs: 1, steps, ...how }, tally);
    if (failure !== null) {
      failures.push(failure);
      printLine(`\nFAILED ${failure}\n`);
    }
    const seconds = (Date.now() - started) / 1000;
    progress(
      `seed ${seed + round}: ${done()} operations in ${Math.round(seconds)} s, ${Math.round(done() / seconds)}/s, ${failures.length} failures`,
    );
  }
  progress('');
  for (const [target, tally] of tallies) {
    const allowed = [...tally.met].map(([name, times]) => `${name}: ${times}`).join('; ');
    printLine(
      `${target.name}: ${tally.operations} operations in ${tally.runs} runs; deviations met: ${allowed || 'none'}`,
    );
  }
  printLine(`${done()} operations, seeds ${seed} and up, ${failures.length} failures`);
  for (const failure of failures) printLine(`FAILED ${failure}`);
  return failures.length === 0;
}

/** Writes one line over the other on a terminal, and elsewhere a line from time to time. */
let lastPrinted = 0;
function progress(line: string): void {
  if (process.stdout.isTTY) process.stdout.write(`\r\x1b[K${line}`);
  else if (Date.now() - lastPrinted > 30_000 && line !== '') {
    lastPrinted = Date.now();
    printLine(line);
  }
}

function numberOf(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value >= 0)) throw new UsageError(`--${option}: ${text} is not a number from 0 on`);
  return value;
}

/** Checks mount options, because a wrong one would make a mount fail, or plyfs would ignore it. */
function checkFeatures(features: string): void {
  try {
    const { unknown } = readOptions(splitOptions(features), {});
    if (unknown.length > 0) throw new UsageError(`--features: unknown mount option: ${unknown.join(', ')}`);
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    throw new UsageError(`--features: ${error.message}`);
  }
}

function settingsOf(values: Readonly<Record<string, string | boolean | undefined>>): Settings {
  const text = (option: string): string | undefined => values[option] as string | undefined;
  const wanted = text('target') ?? '';
  const features = text('features');
  const isForgetful = values.memory === true;
  if (values.rootless === true && !isForgetful) throw new UsageError('--rootless needs --memory');
  const usual = isForgetful
    ? values.rootless === true
      ? FORGETFUL_ROOTLESS_TARGETS
      : FORGETFUL_TARGETS
    : TARGETS.map(({ target }) => target);
  if (features !== undefined) checkFeatures(features);
  const known = features === undefined ? usual : [overlayTarget(features.split(','))];
  const left = text('without')?.split(',') ?? [];
  for (const name of left) if (CALLS[name] === undefined) throw new UsageError(`--without: unknown call ${name}`);
  const targets = known
    .filter(({ name }) => name.includes(wanted))
    .map((target) => ({ ...target, omits: (one: Operation) => left.includes(one.call) || target.omits(one) }));
  if (targets.length === 0) throw new UsageError(`--target: no target has ${wanted} in its name`);
  for (const target of targets) {
    const unavailable = target.unavailable();
    if (unavailable !== null) throw new UsageError(`${target.name}: ${unavailable}`);
  }
  return {
    operations: numberOf(
      'operations',
      text('operations'),
      text('minutes') === undefined ? 1_000_000 : Number.POSITIVE_INFINITY,
    ),
    minutes: numberOf('minutes', text('minutes'), Number.POSITIVE_INFINITY),
    seed: numberOf('seed', text('seed'), 1),
    targets,
    shrinkSeconds: numberOf('shrink-seconds', text('shrink-seconds'), 300),
    isForgetful,
  };
}

async function main(): Promise<boolean> {
  const option = { type: 'string' } as const;
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      operations: option,
      minutes: option,
      seed: option,
      target: option,
      without: option,
      features: option,
      'shrink-seconds': option,
      memory: { type: 'boolean' },
      rootless: { type: 'boolean' },
      steps: { type: 'boolean' },
      aufs: { type: 'boolean' },
      plinks: { type: 'boolean' },
      tree: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  });
  const [one, two] = positionals;
  if (values.help === true) {
    printLine(USAGE);
    return true;
  }
  if (values.steps === true && one !== undefined && two !== undefined) {
    const comparable = values.plinks === true ? withoutLinksOfFiles : (text: string): string => text;
    return playSteps(readFileSync(0, 'utf8'), [one, two], { isAufs: values.aufs === true, comparable }, printLine);
  }
  if (values.tree === true && one !== undefined) {
    for (const [path, facts] of Object.entries(treeOf({ mountpoint: one })))
      printLine(`${JSON.stringify(path)} ${facts}`);
    return true;
  }
  if (positionals.length > 0) throw new UsageError(`unexpected arguments: ${positionals.join(' ')}`);
  return soak(settingsOf(values));
}

try {
  process.exitCode = (await main()) ? 0 : 1;
} catch (error) {
  const parseError = (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true;
  if (!(error instanceof UsageError) && !parseError) throw error;
  // The further lines of parseArgs explain values that begin with a dash.
  const [reason] = (error as Error).message.split(/\.?\n|\. To specify/, 1);
  process.stderr.write(`soak: ${reason}; see npm run soak -- --help\n`);
  process.exitCode = 2;
}
