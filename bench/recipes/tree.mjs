/**
 * 40,000 small files in 4,000 directories, in three layers. tree/a and tree/b have one half each. Beside the
 * layers: a tar file of tree/a, and its files in a random order.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { interruptible } from '../pause.mjs';
import { randomFrom, shuffled } from '../random.mjs';

const HALF = { directories: 2000, files: 20_000 };
/**
 * Of 100 files, how many are only in the bottom layer, only in the middle one, only in the top one, and in
 * bottom and top.
 */
const PLACES = { bottom: 45, middle: 30, top: 15, replaced: 10 };

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'tree', version: 2, lowers: ['top', 'middle', 'bottom'], plain: 'plain', build };

/** Paths in the directory of the layers. */
export const ARCHIVE = 'tree-a.tar';
export const NAMES = 'tree-a.names';

async function build({ directory, scale, signal }) {
  const random = randomFrom(1);
  const halves = [];
  for (const half of ['tree/a', 'tree/b']) {
    const directories = directoryNames(half, HALF.directories * scale, random);
    const files = [];
    for (let number = 0; number < HALF.files * scale; number++) {
      if (number % 500 === 0) await interruptible(signal);
      const path = `${directories[Math.floor(random() * directories.length)]}/file-${number}.txt`;
      writeEverywhere(directory, path, random);
      files.push(path);
    }
    halves.push(files);
  }
  writeFileSync(join(directory, NAMES), `${shuffled(halves[0], random).join('\n')}\n`);
  execFileSync('tar', ['-C', join(directory, 'plain/tree'), '--sort=name', '-cf', join(directory, ARCHIVE), 'a']);
}

function directoryNames(top, count, random) {
  const names = [top];
  while (names.length < count) {
    const parent = names[Math.floor(random() ** 2 * names.length)];
    names.push(`${parent}/d${names.length}`);
  }
  return names;
}

function writeEverywhere(directory, path, random) {
  // Most files of a root file system are small: the median here is 1.5 KiB, the mean 5 KiB.
  const size = Math.floor(64 * 2 ** (random() ** 0.8 * 9.5));
  const content = Buffer.alloc(size, `${path} `);
  for (const layer of [...layersOf(random() * 100), 'plain']) {
    const file = join(directory, layer, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

function layersOf(percent) {
  if (percent < PLACES.bottom) return ['bottom'];
  if (percent < PLACES.bottom + PLACES.middle) return ['middle'];
  if (percent < PLACES.bottom + PLACES.middle + PLACES.top) return ['top'];
  return ['bottom', 'top'];
}
