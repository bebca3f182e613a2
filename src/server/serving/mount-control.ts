/**
 * The system calls with which one thread ends a mount that another thread serves. This module is loaded while
 * the serving thread starts, because each thread loads the native library for itself.
 */
export { unmount } from '../../fuse/mount/unmount.js';
export { close } from '../../sys/files/open.js';
export { signalEventfd } from '../../sys/waiting/eventfd.js';
