/** Reads names, attributes, and the ACLs that `ls -l` needs. */
const cold = {
  name: 'list-huge-cold',
  group: 'list-huge',
  title: '`ls -l` of 100,000 entries in one directory, cold',
  recipe: 'huge',
  access: 'writable',
  start: 'cold',
  command: ({ root }) => `ls -l ${root}/huge`,
};

const warm = {
  ...cold,
  name: 'list-huge-warm',
  title: '`ls -l` of 100,000 entries in one directory, warm',
  start: 'warm',
};

export const works = [cold, warm];
