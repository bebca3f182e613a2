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
export * from './kernel-caches.js';
export * from './locks.js';
export * from './mapped-files.js';
export * from './names.js';
export * from './sockets.js';
export * from './thread/chroot.js';
export * from './thread/identity.js';
export * from './thread/own-mounts.js';
export * from './xattrs.js';
