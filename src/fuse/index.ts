/** The transport: serves the {@link Operations} of a file system to the kernel over /dev/fuse. */

export { Libfuse2Session, type Libfuse2SessionOptions } from './libfuse2/libfuse2-session.js';
export { ServingLoop, type ServingLoopOptions } from './loop/serving-loop.js';
export { mountDirect } from './mount/mount-direct.js';
export { mountWithHelper } from './mount/mount-helper.js';
export { HelperError, type MountRequest } from './mount/mount-request.js';
export { prepareMountedDevice } from './mount/mounted-device.js';
export { raiseReadahead, raiseReadaheadOf } from './mount/readahead.js';
export { type UnmountOptions, unmount } from './mount/unmount.js';
export type * from './operations.js';
export { Parked } from './operations.js';
export { readActivity } from './serve/activity.js';
export { Device } from './serve/device.js';
export { Session, type SessionOptions } from './serve/session.js';
export type { MessageMemory } from './wire/message-memory.js';
