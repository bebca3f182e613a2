// The fuzz tests for as long as you like: npm run fuzz -- --minutes N --seed S
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { refuseCommandLine } from './wrong-command-line.mjs';

const HELP = `npm run fuzz -- [--minutes N] [--seed S]
N minutes in all (5), from the seed S on (another one each time)`;

function parse() {
  const options = {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  };
  try {
    const { values } = parseArgs({ options });
    const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
    if (!(minutes > 0)) throw new Error(`--minutes ${values.minutes}: not a positive number`);
    if (!Number.isInteger(seed)) throw new Error(`--seed ${values.seed}: not a whole number`);
    return { minutes, seed, help: values.help };
  } catch (error) {
    return refuseCommandLine('fuzz', error, 'npm run fuzz -- --help');
  }
}

const { minutes, seed, help } = parse();
if (help) {
  console.log(HELP);
  process.exit(0);
}
// Three tests, one after the other: the decoder, and a session in each dialect.
const env = { ...process.env, PLYFS_FUZZ_SECONDS: String((minutes * 60) / 3), PLYFS_FUZZ_SEED: String(seed) };
const files = ['test/unit/fuse/serve/fuzz.test.ts', 'test/e2e/conformance/fuzz.test.ts'];
const done = spawnSync('npx', ['vitest', 'run', '--no-file-parallelism', ...files], { env, stdio: 'inherit' });
process.exit(done.status ?? 1);
