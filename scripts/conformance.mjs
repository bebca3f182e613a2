// The conformance cases, on targets and over file systems. `npm run conformance -- --help`
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { FILE_SYSTEMS, TARGETS } from './conformance-choices.mjs';
import { refuseCommandLine } from './wrong-command-line.mjs';

const HELP = `Usage: npm run conformance -- [--targets LIST] [VITEST ARGUMENTS]
       npm run conformance -- --filesystems[=LIST] [--features] [VITEST ARGUMENTS]

Runs the conformance cases and prints which of them passed where.

  --targets LIST       only on these targets, separated by commas. Default: all of them:
                       ${TARGETS.join(', ')}
  --filesystems[=LIST] with the layers on other file systems, as lowers on each and as upper on each that can be
                       written to. What passes on the kernel's overlayfs there is required of plyfs.
                       Default: all of them, which takes about half an hour:
                       ${FILE_SYSTEMS.join(', ')}
  --features           mounts these with redirect_dir=on,metacopy=on,index=on
  -h, --help           this text

Other arguments go to vitest: -u writes docs/conformance.md, -t 'part of a title' selects cases. An option of vitest that
begins with -- needs a -- of its own before it: npm run conformance -- -- --reporter=verbose
`;

const own = [];
const others = [];
const words = process.argv.slice(2);
const end = words.indexOf('--');
for (const argument of end < 0 ? words : words.slice(0, end)) {
  // Without a value parseArgs would take the next argument for one.
  if (argument === '--filesystems') own.push('--filesystems=all');
  else if (/^(?:-h|--help|--features|--filesystems=.*|--targets=.*)$/s.test(argument) || own.at(-1) === '--targets')
    own.push(argument);
  else if (argument.startsWith('--'))
    own.push(argument); // --targets, or an unknown one.
  else others.push(argument);
}
if (end >= 0) others.push(...words.slice(end + 1));

function refuse(reason) {
  refuseCommandLine('conformance', new Error(reason), 'npm run conformance -- --help');
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
    return refuse(error.message);
  }
}

const { targets, filesystems, features, help } = parse();
if (help) {
  process.stdout.write(HELP);
  process.exit(0);
}
if (targets !== undefined && filesystems !== undefined) {
  refuse('--targets and --filesystems are two different runs: give one of them');
}
if (features && filesystems === undefined) {
  refuse('--features belongs to --filesystems: the target is --targets features');
}
requireKnown('--targets', targets, TARGETS);
requireKnown('--filesystems', filesystems, FILE_SYSTEMS);

function requireKnown(option, list, known) {
  const unknown = list?.split(',').find((name) => name !== 'all' && !known.includes(name));
  if (unknown !== undefined) refuse(`${option}: no such name: '${unknown}'; there are all, ${known.join(', ')}`);
}

const checkout = fileURLToPath(new URL('..', import.meta.url));
const [file, environment] =
  filesystems === undefined
    ? ['conformance', { PLYFS_TARGETS: targets ?? process.env.PLYFS_TARGETS ?? 'all' }]
    : ['filesystems', { PLYFS_FILESYSTEMS: filesystems, PLYFS_FEATURES: features ? 'on' : 'off' }];
const done = spawnSync(
  `${checkout}node_modules/.bin/vitest`,
  ['run', '--project', 'e2e', `test/e2e/conformance/${file}.test.ts`, ...others],
  { cwd: checkout, stdio: 'inherit', env: { ...process.env, ...environment } },
);
if (done.error !== undefined) {
  console.error(`conformance: ${done.error.message}; run: npm ci`);
  process.exit(1);
}
process.exit(done.status ?? 1);
