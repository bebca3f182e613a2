/** Two clients at the same time, one on each of two processors. The time is that of the slower one. */
const twoWalks = {
  name: 'two-walks',
  group: 'two-clients',
  title: 'two metadata walks at once, of 20,000 files each, cold',
  recipe: 'tree',
  access: 'writable',
  start: 'cold',
  command: ({ root }) => both(walk(`${root}/tree/a`), walk(`${root}/tree/b`)),
};

const walkAndRead = {
  ...twoWalks,
  name: 'walk-and-read',
  title: 'a walk and small-file reads at once, 20,000 files each, cold',
  command: ({ root }) => both(walk(`${root}/tree/a`), `find ${root}/tree/b -type f -print0 | xargs -0 cat`),
};

const walk = (path) => `find ${path} -printf '%s\\n'`;

/** Fails if either command fails. */
const both = (first, second) => `(${first}) & other=$!; (${second}) && wait $other`;

export const works = [twoWalks, walkAndRead];
