import { installHint, versionOf } from '../tools.mjs';
import { mounted } from './mounted.mjs';

/** unionfs-fuse gets absolute paths, because it changes its working directory when it becomes a daemon. */
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
