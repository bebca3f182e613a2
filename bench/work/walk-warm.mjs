import { work as cold } from './walk-cold.mjs';

/** The same walk a second time: what caches in the kernel and in the server are worth. */
export const work = { ...cold, name: 'walk-warm', title: 'metadata walk, warm', start: 'warm' };
