import { work as cold } from './read-big-cold.mjs';

/** The same file from the page cache, five times: once takes so short that the noise is as long. */
export const work = {
  ...cold,
  name: 'read-big-warm',
  title: 'read 1 GiB five times, read-only mount, warm',
  start: 'warm',
  command: (given) => `for i in 1 2 3 4 5; do ${cold.command(given)}; done`,
};
