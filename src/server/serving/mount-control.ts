/**
 * The system calls by which one thread ends what another serves. Loaded while the serving thread starts: both
 * load the native library, each for itself.
 */
export { unmount } from '../../fuse/mount/unmount.js';
export { close } from '../../sys/files/open.js';
export { signalEventfd } from '../../sys/waiting/eventfd.js';
