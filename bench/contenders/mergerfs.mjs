import { installHint, versionOf } from '../tools.mjs';
import { mounted } from './mounted.mjs';

/**
 * Shows branches as one tree, but hides nothing and copies nothing up: reading is comparable, and making new
 * files.
 */
export const mergerfs = mounted({
  name: 'mergerfs',
  isAside: true,
  isServer: true,
  installHint: installHint('mergerfs'),
  version: () => versionOf('mergerfs'),
  unfitFor: ({ changes, isUser }) => {
    if (changes !== undefined && changes.length > 0) return 'it copies nothing up and has no whiteouts';
    return isUser ? 'it asks for allow_other, which an ordinary user may not' : undefined;
  },
  mountCommand: ({ lowerPaths, upper, root }) => {
    const branches = [...(upper === undefined ? [] : [`${upper}=RW`]), ...lowerPaths.map((path) => `${path}=RO`)];
    return ['mergerfs', '-o', 'category.search=ff,category.create=ff', branches.join(':'), root];
  },
});
