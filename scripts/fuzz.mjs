// The fuzz tests for as long as you like: npm run fuzz -- --minutes N --seed S
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    help: { type: 'boolean', default: false },
  },
});
const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
if (values.help || !(minutes > 0) || !Number.isInteger(seed)) {
  console.log(
    'npm run fuzz -- [--minutes N] [--seed S]\nN minutes in all (5), from the seed S on (another one each time)',
  );
  process.exit(values.help ? 0 : 2);
}
// Three tests, one after the other: the decoder, and a session in each dialect.
const env = { ...process.env, PLYFS_FUZZ_SECONDS: String((minutes * 60) / 3), PLYFS_FUZZ_SEED: String(seed) };
const files = ['test/unit/fuse/fuzz.test.ts', 'test/e2e/fuzz.test.ts'];
const done = spawnSync('npx', ['vitest', 'run', '--no-file-parallelism', ...files], { env, stdio: 'inherit' });
process.exit(done.status ?? 1);
