/** A large new file, into the page cache: the way of the data is measured, not the disk. */
export const work = {
  name: 'write-big',
  title: 'write 1 GiB',
  access: 'writable',
  changes: 'new files',
  start: 'cold',
  command: ({ root }) => `dd if=/dev/zero of=${root}/new bs=1M count=1024 status=none`,
};
