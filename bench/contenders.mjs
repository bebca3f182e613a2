import { compatibleProgram, fuseOverlayfs } from './contenders/fuse-overlayfs.mjs';
import { kernel } from './contenders/kernel.mjs';
import { mergerfs } from './contenders/mergerfs.mjs';
import { plain } from './contenders/plain.mjs';
import { plyfs, plyfsNative, plyfsService } from './contenders/plyfs.mjs';
import { unionfsFuse } from './contenders/unionfs-fuse.mjs';

/** All contenders, in the order of the tables. The first is the subject of the ratios. */
export const contenders = [plyfs, plyfsService, plyfsNative, fuseOverlayfs, unionfsFuse, mergerfs, kernel, plain];

/**
 * @param {string[] | undefined} names undefined: all
 * @param {{name: string, path: string}[]} programs more contenders, with the command line of fuse-overlayfs
 * @returns {import('./contenders/contender.mjs').Contender[]}
 */
export function chooseContenders(names, programs) {
  const added = programs.map(({ name, path }) => compatibleProgram(name, path));
  const all = [...contenders, ...added];
  const twice = added.find(({ name }) => contenders.some((contender) => contender.name === name));
  if (twice) throw new Error(`--program ${twice.name}: there is a contender of that name`);
  const unknown = names?.find((name) => !all.some((contender) => contender.name === name));
  if (unknown !== undefined)
    throw new Error(`--contenders ${unknown}: no such contender; there are ${all.map(({ name }) => name).join(', ')}`);
  const isNamed = (contender) => added.includes(contender) || names?.includes(contender.name);
  return all.filter(
    (contender) => (names === undefined || isNamed(contender)) && isInstalled(contender, isNamed(contender)),
  );
}

/**
 * Whether a contender is installed. Throws if it was chosen by name; otherwise prints that it is left out.
 */
function isInstalled({ name, version, installHint }, isRequired) {
  if (version() !== undefined) return true;
  if (isRequired) throw new Error(`${name} is not installed; ${installHint}`);
  console.error(`${name} is not installed and is left out; ${installHint}`);
  return false;
}
