/**
 * System calls as the tests make them: whole paths as bytes (latin1), failures as {@link SysError} with a
 * code.
 */

export * from '../../../src/core/file-mode.js';
export * from '../../../src/core/flags.js';
export * from './attributes.js';
export { FAULT, type Observer, observeCalls, outcome, SysError } from './call.js';
export * from './descriptors.js';
export * from './files.js';
export * from './handles.js';
export * from './identity.js';
export * from './kernel-memory.js';
export * from './locks.js';
export * from './memory.js';
export * from './names.js';
export * from './own-mounts.js';
export * from './root-directory.js';
export * from './sockets.js';
export * from './xattrs.js';
