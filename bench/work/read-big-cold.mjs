import { work as writable } from './read-big-writable.mjs';

/** A large file on a read-only mount, from the disk. */
export const work = {
  ...writable,
  name: 'read-big-cold',
  title: 'read 1 GiB, read-only mount, cold',
  access: 'read-only',
};
