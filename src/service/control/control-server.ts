/** The control socket of the service: who may connect, and what each connection can ask for. */
import { createServer, type Server, type Socket } from 'node:net';
import { peerOf } from '../../sys/ipc/unix-socket.js';
import type { ProcessFacts } from '../../sys/process/process-facts.js';
import { Caller } from '../front/caller.js';
import type { MountTable } from '../front/mount-table.js';
import { ConnectionMount } from './connection-mount.js';
import { type ConnectionParts, serveConnection } from './control-connection.js';

export interface ControlServerParts extends Omit<ConnectionParts, 'mount'> {
  readonly table: MountTable;
  /** The facts of this process. */
  readonly own: ProcessFacts;
  /** Whether the service accepts mounts. */
  accepts(): boolean;
  log(line: string): void;
}

/**
 * Serves connections until the server is closed.
 * @param fd a socket that listens; owned by the server from now on
 */
export function serveControl(fd: number, parts: ControlServerParts): Server {
  const server = createServer({ allowHalfOpen: true }, (socket) => accept(socket, parts));
  // EMFILE, ENFILE: no fds are left. The client waits in the queue of the socket.
  server.on('error', (error) => parts.log(`serve: control: ${error.message}`));
  return server.listen({ fd });
}

function accept(socket: Socket, parts: ControlServerParts): void {
  const fd = fdOf(socket);
  const peer = fd === undefined ? undefined : peerOf(fd);
  // The mode of the directory admits only this user and root, who can be the root outside of this user
  // namespace.
  if (peer === undefined || peer.uid !== process.geteuid?.()) {
    parts.log('serve: control: a connection of another user');
    socket.destroy();
    return;
  }
  const { table, log } = parts;
  const check = (): Caller | string => (parts.accepts() ? Caller.check(peer.pid, parts.own) : 'the service ends');
  serveConnection(socket, { ...parts, mount: new ConnectionMount({ table, check, log }) });
}

/** The fd of a socket, for which Node has no public name. */
function fdOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } };
  return handle?.fd !== undefined && handle.fd >= 0 ? handle.fd : undefined;
}
