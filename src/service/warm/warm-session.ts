/** A session without a kernel: it gets the requests of a warm-up. */
import { O_RDWR } from '../../core/flags.js';
import { Device, type MessageMemory, type Operations, Session } from '../../fuse/index.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { sessionOptions } from '../../server/serving/mount-session.js';
import { openTrusted } from '../../sys/files/open.js';

/**
 * Makes a session that is like those of mounts, down to the classes of its parts: V8 compiles code for the
 * classes that it has seen, and throws the code away when it sees another one. Its device is /dev/null, which
 * accepts each message.
 * @param operations owned by the session
 * @param acceptsBackings whether its kernel accepts backing files
 */
export function openWarmSession(
  config: MountConfig,
  operations: Operations,
  memory: MessageMemory,
  acceptsBackings: boolean,
): Session {
  const ignore = (): void => {};
  const device = new (acceptsBackings ? AcceptingDevice : Device)(
    openTrusted('/dev/null', O_RDWR),
    ignore,
    memory.store,
  );
  const options = sessionOptions(config, { log: ignore, debug: ignore, released: ignore });
  const session = new Session(device, operations, options, memory);
  session.syncBy({ isNeeded: false, start: () => false });
  session.begin({ setxattrExt: true, passthrough: true });
  return session;
}

class AcceptingDevice extends Device {
  override backingOpen(): number {
    return 1;
  }

  override backingClose(): void {}
}
