/**
 * The checkouts of the suites. They belong to the user and are built in place; this repository contains
 * nothing of them.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hasProgram, Refusal } from './shell.mjs';

/**
 * Makes sure that a checkout exists and is built.
 * @returns its absolute path
 * @throws {Refusal} that names what is missing, and how to get it
 */
export function prepareCheckout(suite, directory, { build }) {
  const checkout = resolve(directory);
  if (!existsSync(checkout)) throw new Refusal(`${checkout}: no such directory; git clone ${suite.url}`);
  if (isBuilt(suite, checkout)) return checkout;
  if (!build) throw new Refusal(`${checkout}: ${suite.name} is not built; --build does it (${packagesLine(suite)})`);
  for (const [program, ...args] of suite.build) {
    const done = spawnSync(program, args, { cwd: checkout, stdio: ['ignore', 2, 2] });
    if (done.status !== 0)
      throw new Refusal(`${checkout}: ${program} ${args.join(' ')} failed (${packagesLine(suite)})`);
  }
  if (!isBuilt(suite, checkout)) throw new Refusal(`${checkout}: is this a checkout of ${suite.name}? ${suite.url}`);
  return checkout;
}

const isBuilt = (suite, checkout) => suite.built.every((path) => existsSync(join(checkout, path)));
const packagesLine = ({ packages }) => `apt-get install ${packages.join(' ')}`;

/** Programs that every run needs. @throws {Refusal} */
export function checkPrograms() {
  const needed = {
    unshare: 'util-linux',
    losetup: 'mount',
    'mkfs.ext4': 'e2fsprogs',
    'mkfs.xfs': 'xfsprogs',
    timeout: 'coreutils',
  };
  const missing = Object.keys(needed).filter((name) => !hasProgram(name));
  if (missing.length > 0)
    throw new Refusal(`missing: apt-get install ${missing.map((name) => needed[name]).join(' ')}`);
}
