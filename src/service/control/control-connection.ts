/** One connection to the control socket, from its first request to its end. */
import type { Socket } from 'node:net';
import { asMountError, MountError, oneLine } from '../../server/config/mount-error.js';
import {
  BOOLEAN,
  type Check,
  checkProperties,
  oneOf,
  parseJson,
  required,
} from '../../server/options/kinds/property-checks.js';
import type { ConnectionMount } from './connection-mount.js';
import type { ControlRequest, ServiceStatus, StopAnswer, WrongRequest } from './control-message.js';
import { onLines, sendLine } from './json-lines.js';

/** The service, as a connection uses it. */
export interface ConnectionParts {
  status(): Promise<ServiceStatus>;
  /**
   * Ends the service when all mounts are unmounted. Calls `waits` with their mountpoints at first and after
   * each change, and `ending` at the end.
   * @returns a function that withdraws the request
   */
  drain(waits: (mountpoints: readonly string[]) => void, ending: () => void): () => void;
  /** Begins to end the service: it unmounts everything, and is killed if that takes too long. */
  stop(): void;
  /** The mount that this connection can ask for, once. */
  readonly mount: Pick<ConnectionMount, 'begin' | 'go' | 'unmount' | 'left' | 'lost'>;
  log(line: string): void;
}

const ANY: Check<unknown> = { mustBe: 'anything', holds: (_value): _value is unknown => true };
const CHECKS = {
  status: { do: ANY },
  stop: { do: ANY, lazy: required(BOOLEAN) },
  mount: { do: ANY, config: ANY, logFile: ANY, lifetime: required(oneOf(['connection', 'mount'])) },
  go: { do: ANY },
  unmount: { do: ANY, lazy: required(BOOLEAN) },
} satisfies Record<ControlRequest['do'], object>;

/** Reads a request. Throws {@link MountError} if the line contains none. */
function parseRequest(line: string): ControlRequest {
  const value = parseJson('control', line) as { readonly do?: unknown } | null;
  const name = Object.keys(CHECKS).find((known) => known === value?.do) as ControlRequest['do'] | undefined;
  if (name === undefined) throw MountError.of({ what: 'control', why: 'an unknown request' });
  checkProperties('control', value, CHECKS[name]);
  return value as ControlRequest;
}

/** Serves the connection until it ends. */
export function serveConnection(socket: Socket, parts: ConnectionParts): void {
  let withdraw: (() => void) | undefined;
  /** How many answers the service is still preparing. */
  let pending = 0;
  let hasLeft = false;
  onLines(socket, (line) => {
    try {
      handle(parseRequest(line));
    } catch (error) {
      refuse(error);
    }
  });
  // ECONNRESET: the client has closed its socket while answers were in it. EPIPE: it had closed the socket
  // before the answer. An error is followed by `close`.
  socket.on('error', () => parts.mount.lost());
  // The client has read everything; otherwise there was an error before.
  socket.on('end', leave);
  socket.on('close', leave);

  /** Answers that a request has failed. A bug that it has found must not end the mounts of others. */
  function refuse(error: unknown): void {
    const { message, cause } = asMountError(error, 'control');
    if (cause instanceof Error) parts.log(`serve: control: ${cause.stack ?? cause.message}`);
    sendLine(socket, { kind: 'wrong', message } satisfies WrongRequest);
  }

  function leave(): void {
    hasLeft = true;
    withdraw?.();
    withdraw = undefined;
    parts.mount.left();
    // A client that has closed only its own direction still reads.
    if (pending === 0) socket.end();
  }

  async function showStatus(): Promise<void> {
    pending++;
    try {
      sendLine(socket, await parts.status());
    } catch (error) {
      refuse(error);
    }
    pending--;
    if (hasLeft && pending === 0) socket.end();
  }

  function handle(request: ControlRequest): void {
    switch (request.do) {
      case 'status':
        void showStatus();
        break;
      case 'stop':
        stop(request.lazy);
        break;
      case 'mount':
        parts.mount.begin(request, (answer) => sendLine(socket, answer));
        break;
      case 'go':
        parts.mount.go();
        break;
      case 'unmount':
        parts.mount.unmount({ lazy: request.lazy });
        break;
    }
  }

  function stop(lazy: boolean): void {
    const ending = (): void => {
      withdraw = undefined;
      sendLine(socket, { kind: 'ending' } satisfies StopAnswer);
    };
    if (lazy) {
      // A mount that hangs delays the end, and the client waits for the end of the connection.
      ending();
      parts.stop();
    } else {
      withdraw?.();
      withdraw = parts.drain(
        (mountpoints) =>
          sendLine(socket, { kind: 'waiting', mountpoints: mountpoints.map(oneLine) } satisfies StopAnswer),
        ending,
      );
    }
  }
}
