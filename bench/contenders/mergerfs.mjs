import { installHint, versionOf } from '../tools.mjs';
import { mounted } from './mounted.mjs';

/**
 * mergerfs shows branches as one tree, but hides nothing and copies nothing up. Only reading and the creation
 * of files are comparable.
 */
export const mergerfs = mounted({
  name: 'mergerfs',
  isAside: true,
  isServer: true,
  installHint: installHint('mergerfs'),
  version: () => versionOf('mergerfs'),
  unfitFor: ({ changes, isUser }) => {
    if (changes !== undefined && changes.length > 0) return 'it copies nothing up and has no whiteouts';
    return isUser ? 'it uses allow_other, which an ordinary user cannot use' : undefined;
  },
  mountCommand: ({ lowerPaths, upper, root }) => {
    const branches = [...(upper === undefined ? [] : [`${upper}=RW`]), ...lowerPaths.map((path) => `${path}=RO`)];
    return ['mergerfs', '-o', 'category.search=ff,category.create=ff', branches.join(':'), root];
  },
});
