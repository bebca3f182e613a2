import { bigMebibytes } from '../recipes/big.mjs';

/** Writes a large new file into the page cache, so that the disk is not measured. */
const cached = {
  name: 'write-big',
  group: 'write-big',
  title: 'write 1 GiB',
  recipe: 'big',
  access: 'writable',
  changes: [],
  memory: 2600 * 2 ** 20,
  start: 'cold',
  command: ({ root, layers }) => `dd if=/dev/zero of=${root}/new bs=1M count=${bigMebibytes(layers)} status=none`,
};

/** The same, with fsync at the end. */
const synced = {
  ...cached,
  name: 'write-big-fsync',
  title: 'write 1 GiB and fsync',
  command: (given) => `${cached.command(given)} conv=fsync`,
};

export const works = [cached, synced];
