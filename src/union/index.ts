export { refuseIncompatibleAt } from '../whiteout/incompatible-work.js';
export { xattrNamespace } from '../whiteout/overlay-namespace.js';
export type { OverrideKind } from '../whiteout/stat-overrides.js';
export { createUnion } from './create-union.js';
export type { Presentation } from './presented-filesystem.js';
export { type AufsSettings, defaultOverlay, type OverlaySettings, type UnionConfig } from './union-config.js';
