/** Every name and every inode once: what `du` or a backup does. */
const cold = {
  name: 'walk-cold',
  group: 'walk',
  title: 'metadata walk of 40,000 files, cold',
  recipe: 'tree',
  access: 'writable',
  start: 'cold',
  command: ({ root }) => `find ${root}/tree -printf '%s\\n'`,
};

/** A second time: what caches in the kernel and in the server are worth. */
const warm = { ...cold, name: 'walk-warm', title: 'metadata walk of 40,000 files, warm', start: 'warm' };

export const works = [cold, warm];
