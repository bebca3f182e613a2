/** The whole merged tree is deleted: a union hides every name of a layer. */
export const work = {
  name: 'remove',
  title: 'rm -rf of the tree',
  access: 'writable',
  changes: 'tree',
  start: 'cold',
  command: ({ root }) => `rm -rf ${root}/tree`,
};
