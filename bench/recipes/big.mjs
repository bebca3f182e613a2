/** One file of 1 GiB in the lower of two layers. Nothing in it can be compressed or is a hole. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MEBIBYTES = 1024;

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'big', version: 1, lowers: ['top', 'bottom'], plain: 'bottom', build };

/** The size of that file, and of files that other work writes. @param {{scale: number}} layers */
export function bigMebibytes({ scale }) {
  return Math.floor(MEBIBYTES * scale);
}

function build({ directory, scale }) {
  writeFileSync(join(directory, 'top', 'small'), 'small\n');
  const count = `count=${bigMebibytes({ scale })}`;
  execFileSync('dd', ['if=/dev/urandom', `of=${join(directory, 'bottom', 'big')}`, 'bs=1M', count, 'status=none']);
}
