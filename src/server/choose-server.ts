import type { MountConfig } from './config/mount-config.js';
import { ProcessServer } from './process/process-server.js';
import type { Server } from './serving/server.js';
import { ThreadServer } from './thread/thread-server.js';

/** Creates a server for the transport of `config`. */
export function chooseServer(config: MountConfig): Server {
  return config.transport === 'fuse-native' ? new ProcessServer() : new ThreadServer();
}
