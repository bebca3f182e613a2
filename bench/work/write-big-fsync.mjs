import { work as writeBig } from './write-big.mjs';

/** The same with the data on the disk in the end. */
export const work = {
  ...writeBig,
  name: 'write-big-fsync',
  title: 'write 1 GiB and fsync',
  command: (place) => `${writeBig.command(place)} conv=fsync`,
};
