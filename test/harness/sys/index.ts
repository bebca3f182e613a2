/**
 * The system calls of the tests. Paths are whole and bytes (latin1); a failure is a {@link SysError} with the
 * name of the errno.
 */

export * from '../../../src/core/file-mode.js';
export * from '../../../src/core/flags.js';
export * from './attributes.js';
export { FAULT, type Observer, observeCalls, outcome, SysError, UNMAPPED } from './call.js';
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
