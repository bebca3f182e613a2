// The model test without vitest: compiles it to .cache and starts it. `npm run soak -- --help`
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const checkout = fileURLToPath(new URL('..', import.meta.url));
const compiled = `${checkout}.cache/test`;

function run(program, args) {
  const done = spawnSync(program, args, { cwd: checkout, stdio: ['ignore', 'inherit', 'inherit'] });
  if (done.status !== 0) process.exit(done.status ?? 1);
}

// Once more, in a user namespace.
if (process.argv.includes('--rootless') && process.env.PLYFS_IN_NAMESPACE === undefined) {
  run(process.execPath, [`${checkout}scripts/in-namespace.mjs`, ...process.argv]);
  process.exit(0);
}

const tsc = `${checkout}node_modules/.bin/tsc`;
if (!existsSync(tsc)) {
  console.error(`soak: ${tsc} is missing; run: npm ci`);
  process.exit(1);
}
run(tsc, ['-p', 'tsconfig.json']);
run(tsc, ['-p', 'test/tsconfig.json', '--noEmit', 'false', '--outDir', compiled]);

process.env.PLYFS_CHECKOUT = checkout;
await import(`${compiled}/test/model/soak.js`);
