import type { MountConfig } from './mount-config.js';
import { ProcessServer } from './process-server.js';
import type { Server } from './server.js';
import { ThreadServer } from './thread-server.js';

/** A server for the transport that `config` asks for. */
export function chooseServer(config: MountConfig): Server {
  return config.transport === 'fuse-native' ? new ProcessServer() : new ThreadServer();
}
