/** Thousands of new files in new directories, the archive itself in the page cache. */
export const work = {
  name: 'unpack',
  title: 'unpack a tar',
  access: 'writable',
  changes: 'new files',
  start: 'cold',
  prepare: ({ layers }) => `cat ${layers.archive}`,
  command: ({ root, layers }) => `mkdir ${root}/unpacked && tar -C ${root}/unpacked -xf ${layers.archive}`,
};
