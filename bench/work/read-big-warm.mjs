import { work as cold } from './read-big-cold.mjs';

/** The same file a second time, from the page cache. */
export const work = { ...cold, name: 'read-big-warm', title: 'read 1 GiB, read-only mount, warm', start: 'warm' };
