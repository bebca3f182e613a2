import { fileURLToPath } from 'node:url';

/** The checkout that this file belongs to; PLYFS_CHECKOUT names it if the file runs compiled elsewhere. */
export const CHECKOUT = process.env.PLYFS_CHECKOUT ?? fileURLToPath(new URL('../..', import.meta.url));
