/** `plyfs serve --status` and `plyfs serve --stop`: requests to the service that runs. */
import { MountError, printable } from '../../server/config/mount-error.js';
import { askService } from '../../service/client/ask-service.js';
import { ServiceConnection } from '../../service/client/service-connection.js';
import type { ServiceStatus, StopAnswer } from '../../service/control/control-message.js';
import type { DirectoryPath } from '../../service/directory/locate-directory.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { ProgressLine } from '../output/progress-line.js';
import { statusText } from '../output/service-status.js';

/** How many mountpoints a message names. */
const MAX_NAMED = 3;

/** Shows the service and its mounts. Resolves with the exit status: 1 if no service runs. */
export async function showStatus(path: DirectoryPath, { json }: { readonly json: boolean }): Promise<number> {
  const connection = await connect(path);
  if (connection === undefined) return FAILURE;
  await askService(connection, path.directory, { do: 'status' }, (answer) => {
    const status = answer as ServiceStatus;
    const text = json ? `${JSON.stringify(status)}\n` : statusText(status, { isTable: process.stdout.isTTY });
    process.stdout.write(text, () => connection.abort());
  });
  return OK;
}

/** Ends the service. Resolves with the exit status when it has ended. */
export async function stopService(path: DirectoryPath, { lazy }: { readonly lazy: boolean }): Promise<number> {
  const connection = await connect(path);
  if (connection === undefined) return FAILURE;
  const progress = new ProgressLine();
  let hasEnded = false;
  let isTold = false;
  try {
    await askService(connection, path.directory, { do: 'stop', lazy }, (answer) => {
      const stop = answer as StopAnswer;
      if (stop.kind === 'ending') hasEnded = true;
      else if (stop.mountpoints.length > 0) {
        const text = `serve: waits until these are unmounted: ${named(stop.mountpoints)}`;
        if (process.stderr.isTTY) progress.show(() => `plyfs: ${text}`);
        else if (!isTold) printMessage(text);
        isTold = true;
      }
    });
  } finally {
    progress.end();
  }
  if (hasEnded) return OK;
  throw MountError.of({ what: 'serve', where: path.directory, why: 'the service ended before it was stopped' });
}

/** Connects. Prints a line if no service runs. */
async function connect(path: DirectoryPath): Promise<ServiceConnection | undefined> {
  const connection = await ServiceConnection.connect(path);
  if (connection === undefined) printMessage(`serve: no service runs in ${printable(path.directory)}`);
  return connection;
}

function named(mountpoints: readonly string[]): string {
  const more = mountpoints.length - MAX_NAMED;
  const first = mountpoints.slice(0, MAX_NAMED).map(printable).join(', ');
  return more > 0 ? `${first}, and ${more} more` : first;
}
