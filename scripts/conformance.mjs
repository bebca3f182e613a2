// The conformance cases, on targets and over file systems. `npm run conformance -- --help`
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const HELP = `Usage: npm run conformance -- [--targets LIST] [VITEST ARGUMENTS]
       npm run conformance -- --filesystems[=LIST] [--features] [VITEST ARGUMENTS]

Runs the conformance cases and prints which of them passed where.

  --targets LIST       only on these targets, separated by commas: plain, kernel, kernel-features, plyfs,
                       features, aufs, aufs-native, native, overrides. Default: all
  --filesystems[=LIST] with the layers on other file systems, as lowers on each and as upper on each that can be
                       written to: squashfs, erofs, xfs, btrfs, btrfs noacl, tmpfs, ramfs, ext4 without filetype,
                       ext4 without extents, overlay, plyfs. What passes on the kernel's overlayfs there is
                       required of plyfs. Default: all of them, which takes about half an hour
  --features           mounts these with redirect_dir=on,metacopy=on,index=on
  -h, --help           this text

Other arguments go to vitest: -u writes docs/conformance.md, -t 'part of a title' selects cases.
`;

const own = [];
const others = [];
for (const argument of process.argv.slice(2)) {
  // Without a value parseArgs would take the next argument for one.
  if (argument === '--filesystems') own.push('--filesystems=all');
  else if (/^(?:-h|--help|--features|--filesystems=.*|--targets=.*)$/s.test(argument) || own.at(-1) === '--targets')
    own.push(argument);
  else if (argument === '--targets') own.push(argument);
  else others.push(argument);
}

function parse() {
  try {
    const options = {
      targets: { type: 'string' },
      filesystems: { type: 'string' },
      features: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    };
    return parseArgs({ args: own, options }).values;
  } catch (error) {
    console.error(`conformance: ${error.message}; see npm run conformance -- --help`);
    process.exit(2);
  }
}

const { targets, filesystems, features, help } = parse();
if (help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (targets !== undefined && filesystems !== undefined) {
  console.error('conformance: --targets and --filesystems are two different runs; give one of them');
  process.exit(2);
}
if (features && filesystems === undefined) {
  console.error('conformance: --features belongs to --filesystems; the target is --targets features');
  process.exit(2);
}
const checkout = fileURLToPath(new URL('..', import.meta.url));
const [file, environment] =
  filesystems === undefined
    ? ['conformance', { PLYFS_TARGETS: targets ?? process.env.PLYFS_TARGETS ?? 'all' }]
    : ['filesystems', { PLYFS_FILESYSTEMS: filesystems, PLYFS_FEATURES: features ? 'on' : 'off' }];
const done = spawnSync(
  `${checkout}node_modules/.bin/vitest`,
  ['run', '--project', 'e2e', `test/e2e/${file}.test.ts`, ...others],
  { cwd: checkout, stdio: 'inherit', env: { ...process.env, ...environment } },
);
if (done.error !== undefined) {
  console.error(`conformance: ${done.error.message}; run: npm ci`);
  process.exit(1);
}
process.exit(done.status ?? 1);
