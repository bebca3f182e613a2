/**
 * pjdfstest tests the rules of POSIX and Linux for system calls that change files, as an ordinary user and as
 * root.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeImage, mountImage } from './images.mjs';
import { oneLine } from './results.mjs';
import { run, runTest } from './shell.mjs';

const SECONDS = 900;

export const pjdfstest = {
  name: 'pjdfstest',
  about: 'system calls on files, as several users',
  url: 'https://github.com/pjd/pjdfstest',
  packages: ['autoconf', 'automake', 'make', 'gcc', 'libc6-dev', 'perl'],
  built: ['pjdfstest'],
  build: [['autoreconf', '-ifs'], ['./configure'], ['make', 'pjdfstest']],
  setups: {
    upper: { about: 'in a directory of the upper; the lower is empty', isInUpper: true },
    lower: {
      about: 'in a directory of two populated lowers, which is copied up; `redirect_dir=on,metacopy=on,index=on`',
      options: ['redirect_dir=on', 'metacopy=on', 'index=on'],
    },
    aufs: { about: 'in a populated directory of aufs branches', targets: ['plyfs'], isAufs: true },
  },
  silence: SECONDS,

  /** The names of its test files: chmod/00. */
  list({ checkout }) {
    const tests = join(checkout, 'tests');
    const folders = readdirSync(tests, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return folders
      .flatMap(({ name }) =>
        readdirSync(join(tests, name))
          .filter((file) => file.endsWith('.t'))
          .map((file) => `${name}/${file.slice(0, -2)}`),
      )
      .sort();
  },

  run({ checkout, scratch, target, tests, setup, report }) {
    const mountpoint = mountLayers(scratch, target, setup);
    const directory = join(mountpoint, 'work');
    for (const test of tests) {
      const env = { ...process.env, LC_ALL: 'C' };
      const file = join(checkout, 'tests', `${test}.t`);
      const done = runTest('sh', [file], { seconds: SECONDS, cwd: directory, env });
      report({ test, ...readTap(done.output, done) });
    }
    run('umount', [mountpoint]);
  },
};

/**
 * Mounts layers that are on an ext4 image. The tests run in the directory `work`, which is merged, or in the
 * upper only.
 */
function mountLayers(scratch, target, setup) {
  const image = join(scratch, 'layers.img');
  const layers = join(scratch, 'layers');
  makeImage(image, 'ext4', 2);
  mountImage(image, layers);
  const [top, base, upper, work] = ['top', 'base', 'upper', 'work'].map((name) => join(layers, name));
  const mountpoint = join(scratch, 'merged');
  for (const path of [top, base, upper, work, mountpoint]) mkdirSync(path);
  for (const path of [top, base, upper, work]) run('chmod', ['0755', path]);
  if (setup.isInUpper) mkdirSync(join(upper, 'work'));
  else for (const path of [top, base]) populate(join(path, 'work'));
  const union = { lowers: [top, base], upper, work, mountpoint, options: setup.options ?? [] };
  if (setup.isAufs) target.mountAufs(union);
  else target.mountUnion(union);
  return mountpoint;
}

function populate(directory) {
  mkdirSync(join(directory, 'inner'), { recursive: true });
  for (const name of ['one', 'two', 'inner/three']) writeFileSync(join(directory, name), `${name}\n`);
}

/**
 * Reads the Test Anything Protocol: a plan, 1..N, and a line for each case. A case that is planned and
 * missing has failed. "not ok … # TODO" is a case that the suite itself does not expect to pass on this
 * system.
 */
export function readTap(output, { status, timedOut }) {
  const cases = { passed: 0, failed: 0, skipped: 0 };
  const failures = [];
  let planned;
  for (const line of output.split('\n')) {
    const plan = /^1\.\.(\d+)/.exec(line);
    if (plan) planned = Number(plan[1]);
    const answer = /^(not )?ok\b(.*)/.exec(line);
    if (!answer) continue;
    const [, isNot, rest] = answer;
    if (/# *(skip|todo)/i.test(rest)) cases.skipped++;
    else if (!isNot) cases.passed++;
    else {
      cases.failed++;
      failures.push(rest.trim());
    }
  }
  const seen = cases.passed + cases.failed + cases.skipped;
  const missing = planned === undefined ? 1 : Math.max(0, planned - seen);
  cases.failed += missing;
  if (timedOut) failures.push('took too long');
  else if (missing > 0) failures.push(`${missing} of ${planned ?? 'its'} cases missing, status ${status}`);
  if (cases.failed > 0) return { outcome: 'failed', cases, detail: oneLine(failures.join('; ')) };
  return { outcome: cases.passed > 0 ? 'passed' : 'skipped', cases };
}
