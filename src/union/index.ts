export { CopyPool } from '../copyup/pool/copy-pool.js';
export { xattrNamespace } from '../whiteout/overlay/overlay-namespace.js';
export type { OverrideKind } from '../whiteout/overrides/stat-overrides.js';
export { refuseIncompatibleAt } from '../whiteout/work/incompatible-work.js';
export { createUnion } from './create-union.js';
export type { OwnershipView } from './filesystem/mapped-filesystem.js';
export type { FdPool } from './layers/fd-pool.js';
export { PrefetchThreads } from './prefetch/prefetch-threads.js';
export { type AufsSettings, defaultOverlay, type OverlaySettings, type UnionConfig } from './union-config.js';
