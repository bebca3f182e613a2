/** `plyfs serve`. */
import { resolve } from 'node:path';
import { asMountError, errnoOf, MountError } from '../../server/config/mount-error.js';
import { type DirectoryPath, locateDirectory } from '../../service/directory/locate-directory.js';
import type { PathRule } from '../../service/order/path-rule.js';
import { BackgroundLog } from '../../service/pool/background-log.js';
import { runService } from '../../service/supervisor/supervisor.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { announce, startDetached } from '../process/detached-service.js';
import type { ServeArguments } from '../syntax/serve-syntax.js';
import { showStatus, stopService } from './serve-requests.js';

const MS_PER_SECOND = 1000;
/** How long the end of a service in the background waits for syslog, in milliseconds. */
const SYSLOG_MS = 2000;

/** Runs a service, or asks the one that runs. Resolves with the exit status. */
export async function commandServe(args: ServeArguments, paths: PathRule): Promise<number> {
  const isDetached = args.action === 'serve' && args.isDetached;
  try {
    const path = absolute(locateDirectory(), paths);
    if (args.action === 'status') return await showStatus(path, args);
    if (args.action === 'stop') return await stopService(path, args);
    if (args.detach) return await startDetached(args.idleTimeout);
    await serve(path, args);
    return OK;
  } catch (error) {
    if (!(error instanceof MountError) && errnoOf(error) === undefined) throw error;
    const { message } = asMountError(error, 'serve');
    if (!isDetached || !announce({ kind: 'refused', message })) printMessage(message);
    return FAILURE;
  }
}

/** The environment can name a relative path. */
function absolute({ base, directory }: DirectoryPath, paths: PathRule): DirectoryPath {
  paths.check({ PLYFS_SERVICE_DIR: base });
  return { base: resolve(base), directory: resolve(directory) };
}

/** Serves until a signal or a request ends the service. */
async function serve(
  path: DirectoryPath,
  { isDetached, idleTimeout }: ServeArguments & { readonly action: 'serve' },
): Promise<void> {
  const [program = ''] = process.argv.slice(1);
  process.title = 'plyfs serve';
  // The service uses no directory of the caller.
  process.chdir('/');
  let hasAccepted = false;
  // The supervisor must not wait for syslog, which can hang.
  const syslog = isDetached ? new BackgroundLog(undefined) : undefined;
  try {
    await runService({
      path,
      idleMs: idleTimeout === undefined ? undefined : idleTimeout * MS_PER_SECOND,
      program: [process.execPath, ...process.execArgv, program, 'serve-inside'],
      hasStderr: !isDetached,
      accepts: () => {
        hasAccepted = true;
        if (isDetached) announce({ kind: 'accepts' });
        else printMessage(`serve: accepts mounts in ${path.directory}`);
      },
      log: syslog === undefined ? printMessage : (line) => syslog.add(line),
    });
  } catch (error) {
    // Before that, the process that waits for the first answer prints the reason.
    if (hasAccepted) syslog?.add(asMountError(error, 'serve').message);
    throw error;
  } finally {
    if (syslog !== undefined) {
      await Promise.race([syslog.close(), new Promise((resolve) => setTimeout(resolve, SYSLOG_MS))]);
    }
  }
}
