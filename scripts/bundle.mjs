#!/usr/bin/env node
/**
 * Makes dist/program from src: the program in a few files of CommonJS, which Node loads in a fraction of the time that
 * the modules in dist take. Those are for the library and the tests.
 */
import { rename, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';

/** What is started by the name of its file, by others that take it for a neighbour: `./NAME.js`. */
const ENTRIES = [
  'cli/main',
  'server/thread/serving-thread',
  'server/process/serving-process',
  'copyup/copy-thread',
  'union/prefetch/scout-thread',
  'store/convert/convert-thread',
  'fuse/libfuse2/watchdog-thread',
];

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}dist/program`;
/** Not in place until all of it is there. */
const staging = `${target}.new`;

await rm(staging, { recursive: true, force: true });
for (const entry of ENTRIES) await bundle(entry);
await writeFile(`${staging}/package.json`, '{ "type": "commonjs" }\n');
await rm(target, { recursive: true, force: true });
await rename(staging, target);

/**
 * Each by itself, so that a thread loads nothing that only another one needs. Names and lines stay readable in a stack.
 */
async function bundle(entry) {
  const made = await rolldown({
    cwd: root,
    input: { [basename(entry)]: `src/${entry}.ts` },
    platform: 'node',
    // Native.
    external: ['koffi', 'fuse-native'],
  });
  await made.write({ dir: staging, format: 'cjs', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' });
  await made.close();
}
