/**
 * The system calls by which one thread ends what another serves. Loaded while the serving thread starts: both load
 * the native library, each for itself.
 */
export { unmount } from '../fuse/unmount.js';
export { signalEventfd } from '../sys/eventfd.js';
export { close } from '../sys/open.js';
