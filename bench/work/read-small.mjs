/** Reads the contents of every small file. `tar` is not used: it reads nothing if it writes to /dev/null. */
const cold = {
  name: 'read-small-cold',
  group: 'read-small',
  title: 'read 40,000 small files, cold',
  recipe: 'tree',
  access: 'writable',
  start: 'cold',
  command: ({ root }) => `find ${root}/tree -type f -print0 | xargs -0 cat`,
};

const warm = { ...cold, name: 'read-small-warm', title: 'read 40,000 small files, warm', start: 'warm' };

/** The code of the server is warm. */
const again = {
  ...cold,
  name: 'read-small-again',
  title: 'read 40,000 small files, cold, on a mount where they were read before',
  fill: cold.command,
};

export const works = [cold, again, warm];
