/**
 * xfstests: its overlay and generic groups. The suite assumes the kernel's overlayfs: mount(8) starts plyfs
 * for type overlay, as a mount helper. So it runs more tests than with its own type fuse, and all of the
 * overlay group.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { attachImage, makeImage } from './images.mjs';
import { run } from './shell.mjs';
import { CheckOutput } from './xfstests-output.mjs';

const GIBIBYTES = 12;

/**
 * Groups about what a union does not have: its own disk, which can fail, be shut down, frozen and swapped to;
 * quotas, encryption and labels, which are the layers' own; shared blocks, for which FUSE has no request; and
 * those that load a machine for long.
 */
const NOT_OF_UNIONS = [
  ...['quota', 'encrypt', 'verity', 'label', 'casefold', 'parent', 'bigtime', 'fsproperties', 'online_scrub', 'repair'],
  ...['clone', 'dedupe', 'reflink', 'unshare', 'exchrange', 'swapext', 'fsr', 'defrag', 'collapse', 'insert', 'fiemap'],
  ...[
    'log',
    'shutdown',
    'recoveryloop',
    'replay',
    'thin',
    'snapshot',
    'freeze',
    'eio',
    'raid',
    'volume',
    'zone',
    'dax',
  ],
  ...['swap', 'stress', 'soak', 'dangerous', 'mount', 'aio', 'io_uring', 'atomicwrites', 'ioctl'],
];

export const xfstests = {
  name: 'xfstests',
  about: 'regression tests of Linux file systems',
  url: 'https://git.kernel.org/pub/scm/fs/xfs/xfstests-dev.git',
  packages: [
    ...[
      'acl',
      'attr',
      'automake',
      'autoconf',
      'bc',
      'dump',
      'fio',
      'gawk',
      'gcc',
      'indent',
      'libacl1-dev',
      'libaio-dev',
    ],
    ...['libcap-dev', 'libgdbm-dev', 'libtool', 'liburing-dev', 'make', 'perl', 'quota', 'uuid-dev', 'xfslibs-dev'],
    ...['xfsprogs', 'e2fsprogs', 'libcap2-bin', 'psmisc'],
  ],
  built: ['ltp/fsstress', 'src/t_dir_type'],
  build: [['make']],
  setups: {
    overlay: {
      about: 'the overlay group, on an xfs image, without stress tests and the tests of unionmount-testsuite',
      groups: ['overlay/auto'],
      without: ['stress', 'union'],
    },
    'overlay, whole': { about: 'all of the overlay group', groups: ['overlay/auto'], onRequest: true },
    generic: {
      about: 'the quick tests of the generic group, on an xfs image, for features that a union has',
      groups: ['generic/quick'],
      without: NOT_OF_UNIONS,
    },
    'generic, whole': { about: 'all of the generic group', groups: ['generic/auto'], onRequest: true },
  },
  silence: 900,

  list({ checkout, setup }) {
    return setup.groups.flatMap((name) => {
      const [folder, group] = name.split('/');
      const text = readFileSync(join(checkout, 'tests', folder, 'group.list'), 'utf8');
      return readGroups(text)
        .filter(({ groups }) => groups.includes(group) && !groups.some((name) => setup.without?.includes(name)))
        .map(({ number }) => `${folder}/${number}`);
    });
  },

  async run({ checkout, scratch, target, targetName, tests, report, record }) {
    const place = prepare({ checkout, scratch, target, record });
    const what = targetName === 'plain' ? [] : ['-overlay'];
    const child = spawn('./check', [...what, '--exact-order', ...tests], {
      cwd: place.copy,
      env: { ...process.env, HOST_OPTIONS: place.config, LC_ALL: 'C' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output = new CheckOutput(report);
    const lines = createInterface({ input: child.stdout });
    lines.on('line', (line) => output.line(line));
    await new Promise((resolve) => {
      child.on('close', resolve);
    });
    output.end();
  },
};

/** tests/FOLDER/group.list: a test's number and its groups on each line. */
export function readGroups(text) {
  return text
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
    .filter(([number]) => /^\d+$/.test(number))
    .map(([number, ...groups]) => ({ number, groups }));
}

function prepare({ checkout, scratch, target, record }) {
  const place = { copy: join(scratch, 'checkout'), config: join(scratch, 'local.config') };
  const mountpoints = ['test', 'scratch'].map((name) => join(scratch, name));
  const devices = ['test.img', 'scratch.img'].map((name) => {
    makeImage(join(scratch, name), 'xfs', GIBIBYTES);
    return attachImage(join(scratch, name));
  });
  for (const name of ['test', 'scratch', 'results', 'checkout', 'changes', 'changes-work'])
    mkdirSync(join(scratch, name));
  // Its scripts write into the checkout, and one of them gets lines added: into a layer above it.
  const layers = `lowerdir=${checkout},upperdir=${scratch}/changes,workdir=${scratch}/changes-work`;
  run('mount', ['-i', '-t', 'overlay', '-o', layers, 'none', place.copy]);
  if (target.helper) appendFileSync(join(place.copy, 'common/rc'), adaptation(target.type, record));
  writeFileSync(
    place.config,
    [
      `export TEST_DEV=${devices[0]} TEST_DIR=${mountpoints[0]}`,
      `export SCRATCH_DEV=${devices[1]} SCRATCH_MNT=${mountpoints[1]}`,
      `export FSTYP=xfs RESULT_BASE=${scratch}/results`,
      '',
    ].join('\n'),
  );
  run('mount', [devices[0], mountpoints[0]]);
  return place;
}

/**
 * Answers what xfstests looks up in /proc/mounts, where a FUSE mount shows its own type and few options: the
 * type is overlay, and the options are those that the mount helper has recorded. A shell function replaces
 * that of xfstests.
 */
const adaptation = (type, record) => `
_fs_type() { _df_device $1 | $AWK_PROG '{ print $2 }' | sed -e 's/${type}/overlay/'; }
_fs_options()
{
	local shown=$($AWK_PROG -v dev=$1 'match($1, dev) { print $4 }' </proc/mounts)
	local given=$($AWK_PROG -v dev=$1 'match($1, dev) { print $2 }' <${record} | tail -1)
	echo "$shown\${given:+,$given}"
}
`;
