/**
 * LTP, the Linux Test Project: its tests of system calls on files, and those of runtest/fs, each started in
 * the union.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeImage, mountImage } from './images.mjs';
import { fsFolders, install, TESTS } from './ltp-install.mjs';
import { NOT_ABOUT_FILES, OWN_FILE_SYSTEM, SYSCALLS } from './ltp-selection.mjs';
import { oneLine } from './results.mjs';
import { Refusal, run, runTest } from './shell.mjs';

const SECONDS = 300;
/**
 * The bits of a test's exit status (include/tst_res_flags.h). A warning means that the test could not clean
 * up or find something out.
 */
const [FAILED, BROKEN, WARNED, UNCONFIGURED] = [1, 2, 4, 32];

export const ltp = {
  name: 'LTP',
  about: 'system calls on files, and load on a file system',
  url: 'https://github.com/linux-test-project/ltp',
  packages: [
    'autoconf',
    'automake',
    'bison',
    'flex',
    'gcc',
    'libacl1-dev',
    'libaio-dev',
    'libcap-dev',
    'make',
    'm4',
    'pkg-config',
  ],
  built: ['include/config.h', 'lib/libltp.a', 'testcases/kernel/syscalls/writev/writev01'],
  build: [
    ['sh', '-c', '[ -e include/config.h ] || { make autotools && ./configure; }'],
    ['make', '-C', 'libs'],
    ['make', '-C', 'lib'],
    ...SYSCALLS.map((name) => ['make', '-C', `${TESTS}/syscalls/${name}`]),
    ['make', '-C', `${TESTS}/fs`],
    ['make', '-C', `${TESTS}/io/writetest`],
  ],
  setups: {
    syscalls: {
      about: 'runtest/syscalls: those about files',
      file: 'syscalls',
      folders: SYSCALLS.map((name) => `syscalls/${name}`),
    },
    fs: { about: 'runtest/fs, a few seconds each', file: 'fs', folders: undefined },
  },
  silence: 2 * SECONDS,

  list: ({ checkout, setup }) => commandsOf(checkout, setup).map(({ test }) => test),

  run({ checkout, scratch, target, tests, setup, report }) {
    const mountpoint = mountLayers(scratch, target);
    const root = install(checkout, join(scratch, 'installed'));
    const commands = new Map(commandsOf(checkout, setup).map((command) => [command.test, command]));
    for (const test of tests) {
      const { shell, folder } = commands.get(test);
      const directory = join(mountpoint, 'work', test);
      mkdirSync(directory);
      chmodSync(directory, 0o1777);
      const env = {
        ...process.env,
        LC_ALL: 'C',
        LTPROOT: root,
        TMPDIR: directory,
        LTP_COLORIZE_OUTPUT: '0',
        KCONFIG_SKIP_CHECK: '1',
        PATH: `${root}/testcases/bin:${process.env.PATH}`,
      };
      // The limit of an ordinary login: some tests open as many files as the limit permits. The server has
      // the hard limit.
      const done = runTest('sh', ['-c', `ulimit -Sn 1024; ${shell}`], {
        seconds: SECONDS,
        cwd: folder ?? directory,
        env,
      });
      report({ test, ...readStatus(done) });
    }
  },
};

/**
 * A populated lower, an upper, and in the merged directory a directory that only the lower has: every test's
 * files are below it.
 */
function mountLayers(scratch, target) {
  const image = join(scratch, 'layers.img');
  const layers = join(scratch, 'layers');
  makeImage(image, 'ext4', 8);
  mountImage(image, layers);
  const [lower, upper, work] = ['lower', 'upper', 'work'].map((name) => join(layers, name));
  const mountpoint = join(scratch, 'merged');
  for (const path of [lower, upper, work, mountpoint, join(lower, 'work')]) mkdirSync(path);
  run('chmod', ['1777', join(lower, 'work')]);
  target.mountUnion({ lowers: [lower], upper, work, mountpoint, options: ['redirect_dir=on', 'index=on'] });
  return mountpoint;
}

/**
 * The tests of a set-up: `shell` is the command, `folder` where its program is built.
 * @returns {{ test: string, shell: string, folder: string | undefined }[]}
 */
function commandsOf(checkout, setup) {
  const path = join(checkout, 'runtest', setup.file);
  if (!existsSync(path)) throw new Refusal(`${path}: no such file; is ${checkout} a checkout of LTP?`);
  const programs = programsOf(checkout, setup.folders);
  return readRuntest(readFileSync(path, 'utf8'))
    .filter(({ test }) => !NOT_ABOUT_FILES.some((rule) => rule.test.test(test)))
    .map(({ test, shell }) => ({ test, shell: shorten(shell), program: programs.get(shell.split(/\s/)[0]) }))
    .filter(({ program }) => setup.folders === undefined || program !== undefined)
    .filter(({ program }) => program === undefined || !OWN_FILE_SYSTEM.test(sourceOf(program)))
    .map(({ test, shell, program }) => ({ test, shell, folder: program && dirname(program) }));
}

/** A file of runtest: a name and a shell command on each line. */
export function readRuntest(text) {
  return text
    .split('\n')
    .map((line) => /^([^#\s]\S*)\s+(.+)$/.exec(line.trim()))
    .filter(Boolean)
    .map(([, test, shell]) => ({ test, shell }));
}

/** Loops of minutes become loops of seconds: growfiles -L 120, rwtest -i 60s. */
export function shorten(shell) {
  if (!/\b(growfiles|rwtest|iogen)\b/.test(shell)) return shell;
  return shell.replace(/(-L )(\d+)|(-i )(\d+)s/g, (_, loop, seconds, interval, other) =>
    loop ? `${loop}${Math.min(5, Number(seconds))}` : `${interval}${Math.min(5, Number(other))}s`,
  );
}

/** Built programs by name. Without folders: those of testcases/kernel/fs. */
function programsOf(checkout, folders) {
  const found = new Map();
  for (const folder of (folders ?? fsFolders(checkout)).map((name) => join(checkout, TESTS, name))) {
    if (!existsSync(folder)) continue;
    for (const file of readdirSync(folder)) {
      const source = file.replace(/\.c$/, '');
      if (source !== file || file.endsWith('.sh')) found.set(source, join(folder, source));
    }
  }
  return found;
}

function sourceOf(program) {
  return existsSync(`${program}.c`) ? readFileSync(`${program}.c`, 'utf8') : '';
}

/** The outcome of a test by its exit status, and the first line that names the failure. */
export function readStatus({ status, output, timedOut }) {
  if (timedOut) return { outcome: 'failed', detail: 'took too long' };
  const lines = output.split('\n');
  const first = (pattern) => oneLine(lines.find((line) => pattern.test(line)) ?? `status ${status}`);
  if (status === 0) return { outcome: 'passed' };
  // Above 128 the shell reports a signal, 127 a program that is missing.
  if (status < 64 && (status & (FAILED | BROKEN)) === 0) {
    if (status & UNCONFIGURED) return { outcome: 'skipped', detail: first(/TCONF/) };
    if (status & WARNED) return { outcome: 'failed', detail: first(/TWARN/) };
  }
  return { outcome: 'failed', detail: first(/TFAIL|TBROK/) };
}
