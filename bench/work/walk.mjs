/** Reads every name and every inode once, as `du` or a backup does. */
const cold = {
  name: 'walk-cold',
  group: 'walk',
  title: 'metadata walk of 40,000 files, cold',
  recipe: 'tree',
  access: 'writable',
  start: 'cold',
  command: ({ root }) => `find ${root}/tree -printf '%s\\n'`,
};

/** The same a second time, with the caches of the kernel and of the server. */
const warm = { ...cold, name: 'walk-warm', title: 'metadata walk of 40,000 files, warm', start: 'warm' };

/**
 * A first walk after a walk, of which the kernel's caches were dropped: only the code of the server is warm.
 */
const again = {
  ...cold,
  name: 'walk-again',
  title: 'metadata walk of 40,000 files, cold, on a mount that was walked before',
  fill: cold.command,
};

export const works = [cold, again, warm];
