/** unionmount-testsuite: opens, names and changes in a union, with a model of the expected results. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { oneLine } from './results.mjs';
import { run, runTest } from './shell.mjs';

const SECONDS = 300;
const MOVES = /^rename-(dir|empty-dir|pop-dir|move-dir)$/;
/** A test that its own list of tests lacks. */
const UNLISTED = ['dir-weird-open-dir'];

/**
 * `layers` is how many times the upper becomes a lower while a test runs. `differing` puts the lower on
 * another file system.
 */
const setups = {
  default: { about: 'the default options', options: [] },
  redirect: { about: '`redirect_dir=on`', options: ['redirect_dir=on'] },
  'redirect, layers': {
    about: '`redirect_dir=on`; the upper becomes a lower again and again',
    options: ['redirect_dir=on'],
    layers: 10,
  },
  verify: {
    about: '`redirect_dir=on,index=on`, with `--verify`: inode numbers, hard links and copy-up are checked',
    options: ['redirect_dir=on', 'index=on'],
    flags: ['--verify'],
  },
  'verify, layers': {
    about: 'the same; the upper becomes a lower again and again',
    options: ['redirect_dir=on', 'index=on'],
    flags: ['--verify'],
    layers: 10,
  },
  'verify, two file systems': {
    about: 'the same, one layer, the lower on a file system of its own',
    options: ['redirect_dir=on', 'index=on'],
    flags: ['--verify'],
    differing: true,
  },
};

export const unionmount = {
  name: 'unionmount-testsuite',
  about: 'opens, names and changes in a union, against its own model',
  url: 'https://github.com/amir73il/unionmount-testsuite',
  packages: ['python3'],
  built: ['run'],
  build: [],
  setups,
  silence: SECONDS,

  list({ checkout, setup }) {
    const tests = readdirSync(join(checkout, 'tests')).filter((name) => name.endsWith('.py') && !name.startsWith('_'));
    const names = tests.map((name) => name.slice(0, -3)).filter((name) => !UNLISTED.includes(name));
    return names.filter((name) => (isRedirecting(setup) ? name !== 'rename-exdev' : !MOVES.test(name))).sort();
  },

  run({ checkout, scratch, targetName, tests, setup, report }) {
    const base = join(scratch, 'base');
    const lower = join(scratch, 'lower');
    for (const directory of [base, lower]) {
      mkdirSync(directory);
      run('mount', ['-t', 'tmpfs', 'layers', directory]);
    }
    const env = {
      ...process.env,
      UNIONMOUNT_BASEDIR: base,
      UNIONMOUNT_MNTOPTIONS: ['rw', ...setup.options].join(','),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    if (setup.differing) env.UNIONMOUNT_LOWERDIR = lower;
    for (const test of tests) {
      const done = runTest('./run', [...argumentsFor(targetName, setup), test], {
        seconds: SECONDS,
        cwd: checkout,
        env,
      });
      report({ test, ...readRun(done) });
      runTest('./run', ['--clean-up'], { seconds: 60, cwd: checkout, env });
    }
  },
};

const isRedirecting = (setup) => setup.options.includes('redirect_dir=on');

/** Its order of arguments is fixed: what is tested, --fuse, then flags. */
function argumentsFor(targetName, setup) {
  if (targetName === 'plain') return ['--no'];
  const what = setup.layers ? `--ov=${setup.layers}` : '--ov';
  const fuse = targetName === 'kernel' ? [] : [`--fuse=${targetName}`];
  const flags = isRedirecting(setup) ? [] : ['--xdev'];
  return [what, ...fuse, ...flags, ...(setup.flags ?? [])];
}

/** It stops at the first failure, which is in its last lines. */
export function readRun({ status, output, timedOut }) {
  if (timedOut) return { outcome: 'failed', detail: 'took too long' };
  if (status === 0) return { outcome: 'passed' };
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  return { outcome: 'failed', detail: oneLine(lines.slice(-2).join('; ')) };
}
