/**
 * The system calls of the tests. Paths are whole and bytes (latin1); a failure is a {@link SysError} with the
 * name of the errno.
 */

export * from '../../../src/core/file-mode.js';
export * from '../../../src/core/flags.js';
export * from '../machine/kernel-caches.js';
export * from './at-calls.js';
export * from './attributes.js';
export { FAULT, type Observer, observeCalls, outcome, SysError, UNMAPPED } from './call.js';
export * from './descriptors.js';
export * from './file-handles.js';
export * from './files.js';
export * from './locks.js';
export * from './mapped-files.js';
export * from './names.js';
export * from './process/chroot.js';
export * from './process/identity.js';
export * from './process/mounts.js';
export * from './process/programs.js';
export * from './process/working-directory.js';
export * from './sockets.js';
export * from './xattrs.js';
