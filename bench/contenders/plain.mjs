import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { scratchDirectory } from './mounted.mjs';

/**
 * A limit: the same tree without a union, on the file system of the layers.
 * @type {import('./contender.mjs').Contender}
 */
export const plain = {
  name: 'plain',
  isAside: true,
  isServer: false,
  installHint: '',
  version: () => 'the file system below',
  unfitFor: (work) => work.notPlain,
  open(layers, work) {
    // Work that only reads uses the tree itself; other work uses a copy.
    if (work.changes === undefined) return { root: layers.plain, mountSeconds: 0, servers: [], close: async () => {} };
    const root = scratchDirectory(layers, work);
    const remove = () => rmSync(root, { recursive: true, force: true });
    try {
      for (const path of work.changes) {
        mkdirSync(join(root, dirname(path)), { recursive: true });
        execFileSync('cp', ['-a', join(layers.plain, path), join(root, path)]);
      }
    } catch (error) {
      remove();
      throw error;
    }
    return { root, mountSeconds: 0, servers: [], close: async () => remove() };
  },
};
