/** One directory of 100,000 files: half of them in each of two layers, one of fifty in both. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { interruptible } from '../pause.mjs';

const FILES = 100_000;

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'huge', version: 1, lowers: ['top', 'bottom'], plain: 'plain', build };

async function build({ directory, scale, signal }) {
  for (const layer of [...recipe.lowers, recipe.plain]) mkdirSync(join(directory, layer, 'huge'), { recursive: true });
  for (let number = 0; number < FILES * scale; number++) {
    if (number % 500 === 0) await interruptible(signal);
    const layers = number % 50 === 0 ? ['top', 'bottom'] : [number % 2 === 0 ? 'top' : 'bottom'];
    for (const layer of [...layers, 'plain']) writeFileSync(join(directory, layer, 'huge', `entry-${number}`), '');
  }
}
