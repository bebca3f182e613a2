export { createUnion } from './create-union.js';
export type { AufsSettings, UnionConfig } from './union-config.js';
