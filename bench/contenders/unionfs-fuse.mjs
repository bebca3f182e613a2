import { installHint, versionOf } from '../tools.mjs';
import { mounted } from './mounted.mjs';

/** Branches with absolute paths: it changes its directory when it goes into the background. */
export const unionfsFuse = mounted({
  name: 'unionfs-fuse',
  isAside: true,
  isServer: true,
  installHint: installHint('unionfs-fuse'),
  version: () => versionOf('unionfs'),
  unfitFor: ({ isDirect }) => (isDirect ? 'O_DIRECT fails with EINVAL' : undefined),
  mountCommand: ({ lowerPaths, upper, root }) => {
    const branches = [...(upper === undefined ? [] : [`${upper}=RW`]), ...lowerPaths.map((path) => `${path}=RO`)];
    return ['unionfs', '-o', upper === undefined ? 'ro' : 'cow', branches.join(':'), root];
  },
});
