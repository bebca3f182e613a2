import { join } from 'node:path';

/** The page cache of 1 GiB twice: of the layer and of the mount. */
const MEMORY = 2600 * 2 ** 20;

const read = (path) => `dd if=${path} of=/dev/null bs=1M status=none`;
/** Reading from the page cache once takes so little time that noise would be as large. */
const fiveTimes = (command) => `for i in 1 2 3 4 5; do ${command}; done`;
const bigOf = (layers) => join(layers.directory, 'bottom', 'big');

/**
 * Reads a large lower file on a writable mount, which is not in passthrough: a reader must see the data of a
 * later copy-up.
 */
const lower = {
  name: 'read-lower-cold',
  group: 'read-big',
  title: 'read 1 GiB of a lower file, writable mount, cold',
  recipe: 'big',
  access: 'writable',
  memory: MEMORY,
  start: 'cold',
  command: ({ root }) => read(join(root, 'big')),
};

/** Reads through the server, without the disk. */
const lowerCached = {
  ...lower,
  name: 'read-lower-cached',
  title: 'read 1 GiB of a lower file, writable mount, cached in the layer',
  prepare: ({ layers }) => read(bigOf(layers)),
};

const lowerWarm = {
  ...lower,
  name: 'read-lower-warm',
  title: 'read 1 GiB of a lower file five times, writable mount, warm',
  start: 'warm',
  command: (given) => fiveTimes(lower.command(given)),
};

const rootless = {
  ...lowerCached,
  name: 'read-rootless-cached',
  title: 'read 1 GiB of a lower file, rootless, cached in the layer',
  isUser: true,
};

const rootlessWarm = {
  ...lowerWarm,
  name: 'read-rootless-warm',
  title: 'read 1 GiB of a lower file five times, rootless, warm',
  isUser: true,
};

const upper = {
  ...lower,
  name: 'read-upper-cold',
  title: 'read 1 GiB of an upper file, cold',
  changes: [],
  fill: ({ root, layers }) => `dd if=${bigOf(layers)} of=${root}/new bs=1M conv=fsync status=none`,
  command: ({ root }) => read(join(root, 'new')),
};

const upperWarm = {
  ...upper,
  name: 'read-upper-warm',
  title: 'read 1 GiB of an upper file five times, warm',
  start: 'warm',
  command: (given) => fiveTimes(upper.command(given)),
};

const readOnly = {
  ...lower,
  name: 'read-readonly-cold',
  title: 'read 1 GiB, read-only mount, cold',
  access: 'read-only',
};

const readOnlyWarm = {
  ...lowerWarm,
  name: 'read-readonly-warm',
  title: 'read 1 GiB five times, read-only mount, warm',
  access: 'read-only',
};

export const works = [lower, lowerCached, lowerWarm, rootless, rootlessWarm, upper, upperWarm, readOnly, readOnlyWarm];
