import { setTimeout as pause } from 'node:timers/promises';
import type { ServiceUse } from '../../server/options/kinds/option-entry.js';
import { ServiceConnection } from './service-connection.js';
import { startService } from './start-service.js';

/** How often to start a service. One that ends holds the lock for a moment. */
const ATTEMPTS = 10;
/** How often, and after which pauses in milliseconds, to look whether a service accepts mounts by now. */
const LOOKS = 20;
const LOOK_MS = 50;

/**
 * Connects to the service. With `start` it is started if none runs. Resolves with the reason if there is
 * none.
 * @throws {@link MountError} if it cannot be started
 */
export async function openService(use: ServiceUse): Promise<ServiceConnection | string> {
  let connection = await ServiceConnection.open();
  for (let attempt = 0; attempt < ATTEMPTS && typeof connection === 'string' && use === 'start'; attempt++) {
    const started = await startService();
    connection = await ServiceConnection.open();
    if (started === 'runs') connection = await waitFor(connection);
  }
  return connection;
}

/** Waits for a service that another process has started. */
async function waitFor(first: ServiceConnection | string): Promise<ServiceConnection | string> {
  let connection = first;
  for (let look = 0; look < LOOKS && typeof connection === 'string'; look++) {
    await pause(LOOK_MS);
    connection = await ServiceConnection.open();
  }
  return connection;
}
