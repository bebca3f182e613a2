import { join } from 'node:path';
import * as sys from '../../harness/sys/index.js';
import type { Case } from '../case.js';
import { overlayForm } from '../forms.js';
import { materialize } from '../materialize.js';
import { asEntry, dir, LAYER_NAMES, merge, type Tree } from '../tree.js';
import { NOT_IN_LIBFUSE2, type Target } from './target.js';

/**
 * The merged tree, computed by the test and made in an ordinary directory: the behaviour that applications
 * expect.
 */
export const plainDirectory: Target = {
  name: 'plain directory',
  capabilities: new Set([
    'own-attributes',
    'rename-any-directory',
    'directory-nlink',
    'lower-hard-links',
    'unlinked-lower',
    'coherent-mappings',
    'atime',
    'device-zero',
    'no-private-xattrs',
    'long-names',
    'o-direct',
    'inode-flags-cached',
    'leases',
    'merged-numbers',
    'handles',
    ...NOT_IN_LIBFUSE2.filter((capability) => capability !== 'no-handles'),
    'collapse-range',
  ]),
  unavailable: () => (process.getuid?.() === 0 ? null : 'owners and devices need root'),
  open(base, cases, readOnly) {
    const root = join(base, 'plain');
    sys.mkdir(root);
    // One by one: cases can use the same words for hard links.
    for (const one of cases) materialize(root, { [one.id]: dir(mergedTree(one)) });
    const release = readOnly ? sys.readOnlyMount(root, root) : () => undefined;
    return {
      root,
      upper: null,
      form: overlayForm,
      remount: null,
      showWithKernel: null,
      close: release,
    };
  },
};

function mergedTree({ layers }: Case): Tree {
  const present = LAYER_NAMES.flatMap((name) => (layers[name] === undefined ? [] : [dir(layers[name])]));
  const merged = asEntry(merge(present.map((entry) => ({ root: entry }))).root ?? dir());
  return merged.kind === 'directory' ? merged.entries : {};
}
