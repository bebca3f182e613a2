/**
 * The layers that the contenders mount: trees that are the same on every machine. The tree of each recipe is
 * built once and kept in the temporary directory.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { recipe as big } from './recipes/big.mjs';
import { recipe as huge } from './recipes/huge.mjs';
import { recipe as many } from './recipes/many.mjs';
import { recipe as repository } from './recipes/repository.mjs';
import { recipe as sources } from './recipes/sources.mjs';
import { recipe as stack } from './recipes/stack.mjs';
import { recipe as tree } from './recipes/tree.mjs';

/**
 * @typedef {object} Recipe
 * @property {string} name
 * @property {number} version Changes with the tree, so that an old tree is not used for the new one.
 * @property {(place: {directory: string, scale: number, signal: AbortSignal}) => void | Promise<void>} build
 * @property {string[]} lowers Their names in the directory, top first.
 * @property {string} [plain] The path in the directory of the merged tree as a plain directory.
 *
 * @typedef {object} Layers
 * @property {string} directory
 * @property {string[]} lowers Names in the directory, top first.
 * @property {string | undefined} plain The path of the merged tree as a plain directory.
 * @property {number} scale 1, or less for small layers.
 */

const RECIPES = [tree, big, huge, many, stack, repository, sources];

/** The size of the layers that --quick builds, as a part of the usual size. */
export const QUICK_SCALE = 0.1;

/** @param {import('./works.mjs').Work} work @returns {Promise<Layers>} */
export async function prepareLayers({ recipe: name, depth }, { scale, signal }) {
  const recipe = RECIPES.find((candidate) => candidate.name === name);
  const directory = join(tmpdir(), `plyfs-bench-${name}-${recipe.version}${scale === 1 ? '' : '-quick'}`);
  if (!existsSync(directory)) await build(recipe, directory, scale, signal);
  return {
    directory,
    lowers: recipe.lowers.slice(0, depth),
    plain: recipe.plain && join(directory, recipe.plain),
    scale,
  };
}

/** Builds the tree under another name and renames it at the end: a tree that exists is complete. */
async function build(recipe, directory, scale, signal) {
  console.error(`building the layers in ${directory} (once)`);
  const scratch = `${directory}.building-${process.pid}`;
  try {
    for (const name of recipe.lowers) await mkdir(join(scratch, name), { recursive: true });
    await recipe.build({ directory: scratch, scale, signal });
    renameSync(scratch, directory);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
