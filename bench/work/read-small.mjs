/** The contents of every small file, nothing cached. `tar` would not do: it sees /dev/null and reads nothing. */
export const work = {
  name: 'read-small',
  title: 'read small files, cold',
  access: 'writable',
  changes: 'nothing',
  start: 'cold',
  command: ({ root }) => `find ${root}/tree -type f -print0 | xargs -0 cat`,
};
