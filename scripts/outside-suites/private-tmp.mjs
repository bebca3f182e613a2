/**
 * A /tmp of the sandbox's own: suites name files there after their process ids, which start at 1 in each
 * sandbox.
 */
import { chmodSync, mkdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './shell.mjs';

/** Hides the contents of /tmp, except these directories in it. `directory` becomes /tmp. */
export function hideTmp(directory, kept) {
  mkdirSync(directory);
  chmodSync(directory, 0o1777);
  for (const path of kept.filter((each) => each.startsWith('/tmp/'))) {
    const place = join(directory, relative('/tmp', path));
    mkdirSync(place, { recursive: true });
    run('mount', ['--rbind', path, place]);
  }
  run('mount', ['--rbind', directory, '/tmp']);
}
