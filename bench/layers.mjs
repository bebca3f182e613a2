/**
 * The tree that every contender mounts: three lower layers, more than 30,000 files, the same on every machine. It is
 * built once and kept in the temporary directory.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { randomFrom } from './random.mjs';

/** Changes whenever what is generated changes, so that an old tree is not taken for the new one. */
const RECIPE = 'plyfs-bench-1';
const DIRECTORIES = 3000;
const FILES = 36_000;
const BIG_FILE_BYTES = 1 << 30;
/** Of 100 files, how many are in the bottom layer alone, the middle alone, the top alone, and in bottom and top. */
const PLACES = { bottom: 45, middle: 30, top: 15, replaced: 10 };

/**
 * @typedef {object} Layers
 * @property {string} directory Where everything is kept.
 * @property {string[]} lowers Top first. They hold tree/ and, in the bottom layer, the file big of 1 GiB.
 * @property {string} plain The merged tree as a plain directory.
 * @property {string} archive A tar file of one third of the tree.
 */

/** @returns {Layers} */
export function prepareLayers() {
  const directory = join(tmpdir(), RECIPE);
  if (!existsSync(directory)) build(directory);
  return {
    directory,
    lowers: ['top', 'middle', 'bottom'].map((name) => join(directory, name)),
    plain: join(directory, 'plain'),
    archive: join(directory, 'tree.tar'),
  };
}

/** Builds beside the final place and renames at the end: a tree that exists is complete. */
function build(directory) {
  console.error(`building the layers in ${directory} (once)`);
  const scratch = `${directory}.building-${process.pid}`;
  try {
    for (const name of ['top', 'middle', 'bottom', 'plain']) mkdirSync(join(scratch, name), { recursive: true });
    writeTree(scratch);
    writeBigFile(join(scratch, 'bottom', 'big'));
    execFileSync('ln', [join(scratch, 'bottom', 'big'), join(scratch, 'plain', 'big')]);
    execFileSync('tar', ['-C', join(scratch, 'bottom'), '--sort=name', '-cf', join(scratch, 'tree.tar'), 'tree']);
    renameSync(scratch, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function writeTree(scratch) {
  const random = randomFrom(1);
  const directories = ['tree'];
  while (directories.length < DIRECTORIES) {
    const parent = directories[Math.floor(random() ** 2 * directories.length)];
    directories.push(`${parent}/d${directories.length}`);
  }
  for (let number = 0; number < FILES; number++) {
    const path = `${directories[Math.floor(random() * DIRECTORIES)]}/file-${number}.txt`;
    // Most files of a root file system are small: the median here is 1.5 KiB, the mean 5 KiB.
    const size = Math.floor(64 * 2 ** (random() ** 0.8 * 9.5));
    const content = Buffer.alloc(size, `${path} `);
    for (const layer of [...layersOf(random() * 100), 'plain']) {
      const file = join(scratch, layer, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }
}

function layersOf(percent) {
  if (percent < PLACES.bottom) return ['bottom'];
  if (percent < PLACES.bottom + PLACES.middle) return ['middle'];
  if (percent < PLACES.bottom + PLACES.middle + PLACES.top) return ['top'];
  return ['bottom', 'top'];
}

function writeBigFile(file) {
  execFileSync('dd', ['if=/dev/urandom', `of=${file}`, 'bs=1M', `count=${BIG_FILE_BYTES >> 20}`, 'status=none']);
}
