/** Operations on copies without data (metacopy=on), and the completion of their data. */
import { dir, file, type Layers } from '../conformance/tree.js';
import * as sys from '../harness/sys/index.js';
import type { FaultedOperation } from './operations.js';

const FACTS = { mode: 0o640, uid: 61001, gid: 62001, mtime: 1_000_000_000, xattrs: { 'user.k': 'value' } } as const;
/** Large enough that a helper thread completes the copy. */
const LARGE = 'large '.repeat(200_000);

const LAYERS: Layers = {
  lower1: {
    d: dir({ file: file('content\n', FACTS), sub: dir({}, { mtime: 1_000_000_000 }) }, { mtime: 1_000_000_000 }),
  },
  lower2: { d: dir({ big: file(LARGE, FACTS) }) },
};

const open = (path: string, flags = sys.O_RDWR): number => sys.open(path, flags);

/** @param path a file of which a metacopy is made first; null: none */
function operation(
  id: string,
  path: string | null,
  run: FaultedOperation['run'],
  more: Partial<FaultedOperation> = {},
): FaultedOperation {
  const prepare = (at: string): number => {
    if (path !== null) sys.chmod(`${at}/${path}`, 0o4755);
    return more.prepare?.(at) ?? -1;
  };
  return { id, layers: LAYERS, run, ...more, prepare };
}

export const metacopyOperations: readonly FaultedOperation[] = [
  operation('chmod of a lower file', null, (at) => sys.chmod(`${at}/d/file`, 0o600), { returnsAttributes: true }),
  operation('rename of a lower file', null, (at) => sys.rename(`${at}/d/file`, `${at}/d/moved`)),
  operation('rename of a lower file to another directory', null, (at) =>
    sys.rename(`${at}/d/file`, `${at}/d/sub/moved`),
  ),
  operation('link of a lower file', null, (at) => sys.link(`${at}/d/file`, `${at}/d/new`)),
  operation('rename of a metacopy to another directory', 'd/file', (at) =>
    sys.rename(`${at}/d/file`, `${at}/d/sub/moved`),
  ),
  operation('link of a metacopy', 'd/file', (at) => sys.link(`${at}/d/file`, `${at}/d/sub/new`)),
  operation('open of a metacopy with capabilities for writing', 'd/file', (at) => sys.close(open(`${at}/d/file`)), {
    losesCapability: true,
    prepare: (at) => {
      sys.setxattr(`${at}/d/file`, 'security.capability', sys.capability());
      return -1;
    },
  }),
  operation('open of a metacopy for writing that is open', 'd/file', (at) => sys.close(open(`${at}/d/file`)), {
    prepare: (at) => open(`${at}/d/file`, sys.O_RDONLY),
  }),
  operation('open of a metacopy with links for writing', 'd/file', (at) => sys.close(open(`${at}/d/sub/link`)), {
    prepare: (at) => {
      sys.link(`${at}/d/file`, `${at}/d/sub/link`);
      return -1;
    },
  }),
  operation(
    'O_TRUNC of a large metacopy',
    'd/big',
    (at) => sys.close(open(`${at}/d/big`, sys.O_WRONLY | sys.O_TRUNC)),
    { returnsAttributes: true },
  ),
];
