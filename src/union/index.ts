export { createUnion, type UnionConfig } from './create-union.js';
