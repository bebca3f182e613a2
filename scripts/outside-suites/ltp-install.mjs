/**
 * Installs the part of LTP that is used, as `make install` does: all programs in one directory below
 * $LTPROOT.
 */
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { SYSCALLS } from './ltp-selection.mjs';

export const TESTS = 'testcases/kernel';

/** The folders of TESTS with the programs of runtest/fs. */
export function fsFolders(checkout) {
  const entries = readdirSync(join(checkout, TESTS, 'fs'), { withFileTypes: true });
  return [...entries.filter((entry) => entry.isDirectory()).map(({ name }) => `fs/${name}`), 'io/writetest'];
}

/** @returns the directory to be called $LTPROOT */
export function install(checkout, root) {
  const programs = join(root, 'testcases/bin');
  mkdirSync(programs, { recursive: true });
  const syscalls = SYSCALLS.map((name) => `syscalls/${name}`);
  const folders = [...syscalls, ...fsFolders(checkout)].map((name) => join(checkout, TESTS, name));
  for (const folder of [...folders, join(checkout, 'testcases/lib')]) installFolder(folder, programs);
  return root;
}

/** Finds programs by their execute permission. Some scripts have it only after they are installed. */
function installFolder(folder, programs) {
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder)) {
    const [source, place] = [join(folder, name), join(programs, name)];
    const { mode } = statSync(source);
    if ((mode & 0o170000) !== 0o100000 || existsSync(place)) continue;
    if (mode & 0o111) symlinkSync(source, place);
    else if (name.endsWith('.sh') || name === 'rwtest') {
      copyFileSync(source, place);
      chmodSync(place, 0o755);
    }
  }
}
