/** @type {import('../judge.mjs').Known[]} */
export const known = [];
