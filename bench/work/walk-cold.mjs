/** Every name and every inode once, nothing cached: what a first `du` or a backup does. */
export const work = {
  name: 'walk-cold',
  title: 'metadata walk, cold',
  access: 'writable',
  changes: 'nothing',
  start: 'cold',
  command: ({ root }) => `find ${root}/tree -printf '%s\\n'`,
};
