/** Starts a service for a mount with `service=start`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { MountError } from '../../server/config/mount-error.js';
import { programPath } from './program-path.js';

/** How long the service stays after its last mount, in seconds. */
const IDLE_SECONDS = 60;

/**
 * Starts a service in a session of its own. Resolves when it accepts mounts.
 * @throws {@link MountError} if it ends before that; with the last line of its stderr
 */
export async function startService(): Promise<void> {
  const child = spawn(programPath(), ['serve', '--detach', '--idle-timeout', `${IDLE_SECONDS}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (status === 0) return;
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  throw MountError.of({
    what: 'service',
    why: line.replace(/^plyfs: /, '') || `ended by ${signal ?? `status ${status}`}`,
  });
}
