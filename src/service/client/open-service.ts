import type { ServiceUse } from '../../server/options/kinds/option-entry.js';
import { ServiceConnection } from './service-connection.js';
import { startService } from './start-service.js';

/**
 * Connects to the service. With `start` it is started if none runs. Resolves with the reason if there is
 * none.
 * @throws {@link MountError} if it cannot be started
 */
export async function openService(use: ServiceUse): Promise<ServiceConnection | string> {
  const connection = await ServiceConnection.open();
  if (typeof connection !== 'string' || use !== 'start') return connection;
  await startService();
  return await ServiceConnection.open();
}
