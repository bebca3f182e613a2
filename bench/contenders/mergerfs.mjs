import { installHint, versionOf } from '../tools.mjs';
import { mounted } from './mounted.mjs';

/** Shows branches as one tree, but hides nothing and copies nothing up: what only reads is comparable. */
export const mergerfs = mounted({
  name: 'mergerfs',
  isServer: true,
  installHint: installHint('mergerfs'),
  version: () => versionOf('mergerfs'),
  unfitFor: ({ changes }) => (changes === undefined ? undefined : 'it copies nothing up and has no whiteouts'),
  mountCommand: ({ lowerPaths, upper, root }) => {
    const branches = [...(upper === undefined ? [] : [`${upper}=RW`]), ...lowerPaths.map((path) => `${path}=RO`)];
    return ['mergerfs', '-o', 'category.search=ff', branches.join(':'), root];
  },
});
