import { fileURLToPath } from 'node:url';

/**
 * The checkout that contains this file. PLYFS_CHECKOUT names it when a compiled copy of this file runs
 * elsewhere.
 */
export const CHECKOUT = process.env.PLYFS_CHECKOUT ?? fileURLToPath(new URL('../..', import.meta.url));
