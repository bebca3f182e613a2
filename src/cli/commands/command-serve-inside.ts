/** The server process of `plyfs serve`. */
import { MountError } from '../../server/config/mount-error.js';
import { ServingPool } from '../../service/pool/serving-pool.js';
import { insideSettingsOf, serveInside } from '../../service/serve-inside.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { parseMount } from './parse-mount.js';

/**
 * Serves until the service ends. Resolves with the exit status.
 * @param settings the text of InsideSettings
 */
export async function commandServeInside(settings: string): Promise<number> {
  try {
    process.title = 'plyfs serve: mounts';
    // Before the rest, because its threads need time to start and to warm up.
    const pool = new ServingPool();
    await serveInside(insideSettingsOf(Buffer.from(settings, 'latin1').toString('utf8')), parseMount, pool);
    // If a thread hangs, the supervisor kills this process.
    await pool.close();
    return OK;
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    printMessage(error.message);
    return FAILURE;
  }
}
