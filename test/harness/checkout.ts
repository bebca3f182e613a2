import { fileURLToPath } from 'node:url';

/** The checkout that this is of. PLYFS_CHECKOUT says which one where it runs compiled elsewhere. */
export const CHECKOUT = process.env.PLYFS_CHECKOUT ?? fileURLToPath(new URL('../..', import.meta.url));
