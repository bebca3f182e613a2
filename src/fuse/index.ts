/** The transport: a file system's {@link Operations}, served to the kernel over /dev/fuse. */
export { mountDirect } from './mount-direct.js';
export { takeMounted } from './mount-given.js';
export { mountWithHelper } from './mount-helper.js';
export { HelperError, type MountRequest } from './mount-request.js';
export { NativeSession, type NativeSessionOptions } from './native/session.js';
export type * from './operations.js';
export { Parked } from './operations.js';
export { raiseReadahead } from './readahead.js';
export { Session, type SessionOptions, type SessionStats } from './session.js';
export { type UnmountOptions, unmount } from './unmount.js';
