/**
 * Who is measured. Each gives a fresh directory that shows the layers and takes it away again. `plain` is the limit:
 * the same tree without a union, on the file system below.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PLYFS = process.env.PLYFS_PROGRAM ?? fileURLToPath(new URL('../bin/plyfs', import.meta.url));

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {() => string | undefined} version Undefined when it is not installed.
 * @property {(layers: import('./layers.mjs').Layers, work: import('./works.mjs').Work) => Place} open
 *
 * @typedef {object} Place
 * @property {string} root The directory that shows the tree.
 * @property {() => void} close
 */

/** @type {Contender[]} */
export const contenders = [
  union('plyfs', versionOf(PLYFS), (options, target) => [PLYFS, '-o', options, target]),
  union('fuse-overlayfs', versionOf('fuse-overlayfs'), (options, target) => ['fuse-overlayfs', '-o', options, target]),
  union('kernel', kernelVersion, (options, target) => ['mount', '-t', 'overlay', 'overlay', '-o', options, target]),
  { name: 'plain', version: () => 'the file system below', open: openPlain },
];

/** @returns {Contender} */
function union(name, version, mountCommand) {
  return {
    name,
    version,
    open(layers, { access }) {
      const scratch = scratchDirectory(layers);
      const root = join(scratch, 'merged');
      const [upper, work] = ['upper', 'work'].map((part) => join(scratch, part));
      for (const part of [root, upper, work]) mkdirSync(part);
      const lowers = `lowerdir=${layers.lowers.join(':')}`;
      const options = access === 'read-only' ? lowers : `${lowers},upperdir=${upper},workdir=${work}`;
      const close = () => {
        if (isMounted(root)) execFileSync('umount', [root]);
        rmSync(scratch, { recursive: true, force: true });
      };
      try {
        const [program, ...args] = mountCommand(options, root);
        execFileSync(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      } catch (error) {
        close();
        throw error;
      }
      return { root, close };
    },
  };
}

/** What a piece of work reads is read in place; what it would change is a copy. */
function openPlain(layers, { changes }) {
  if (changes === 'nothing') return { root: layers.plain, close() {} };
  const root = scratchDirectory(layers);
  if (changes === 'tree') execFileSync('cp', ['-a', join(layers.plain, 'tree'), root]);
  return { root, close: () => rmSync(root, { recursive: true, force: true }) };
}

function scratchDirectory(layers) {
  return mkdtempSync(join(layers.directory, 'run-'));
}

function isMounted(root) {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${root} `);
}

function versionOf(program) {
  return () => {
    const { status, stdout } = spawnSync(program, ['--version'], { encoding: 'utf8' });
    return status === 0 ? stdout.trim().replaceAll('\n', '; ') : undefined;
  };
}

function kernelVersion() {
  const isKnown = /\toverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'));
  return isKnown ? `overlayfs of Linux ${readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim()}` : undefined;
}
