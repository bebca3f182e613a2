/** A large lower file on a writable mount, where a later copy-up must not leave the reader on the old data. */
export const work = {
  name: 'read-big-writable',
  title: 'read 1 GiB, writable mount, cold',
  access: 'writable',
  changes: 'nothing',
  start: 'cold',
  command: ({ root }) => `dd if=${root}/big of=/dev/null bs=1M status=none`,
};
