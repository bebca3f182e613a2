/**
 * 128 layers that all have the same 4,000 files in 200 directories. All directories are merged, and the
 * topmost file of each name is shown.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { interruptible } from '../pause.mjs';

const DIRECTORIES = 200;
const FILES_IN_EACH = 20;
/** Short names: mount(2) takes options of at most one page. */
const LAYERS = Array.from({ length: 128 }, (_, number) => `${number}`);

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'stack', version: 1, lowers: LAYERS, plain: LAYERS[0], build };

async function build({ directory, scale, signal }) {
  for (const layer of LAYERS) {
    for (let number = 0; number < DIRECTORIES * scale; number++) {
      await interruptible(signal);
      const place = join(directory, layer, 'tree', `directory-${number}`);
      mkdirSync(place, { recursive: true });
      for (let file = 0; file < FILES_IN_EACH; file++) writeFileSync(join(place, `file-${file}`), '');
    }
  }
}
