/**
 * 200,000 files in 2,000 directories, every other one in each of two layers, to measure a server's memory for
 * them.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { interruptible } from '../pause.mjs';

const DIRECTORIES = 2000;
const FILES_IN_EACH = 100;

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'many', version: 1, lowers: ['top', 'bottom'], build };

/** The number of files and directories. @param {{scale: number}} layers */
export function manyNodes({ scale }) {
  return DIRECTORIES * scale * (FILES_IN_EACH + 1);
}

async function build({ directory, scale, signal }) {
  for (let number = 0; number < DIRECTORIES * scale; number++) {
    await interruptible(signal);
    const [top, bottom] = recipe.lowers.map((layer) => join(directory, layer, 'many', `directory-${number}`));
    for (const place of [top, bottom]) mkdirSync(place, { recursive: true });
    for (let file = 0; file < FILES_IN_EACH; file++)
      writeFileSync(join(file % 2 === 0 ? top : bottom, `file-${file}`), '');
  }
}
