/** Starts a service for a mount with `service=start`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { asMountError, MountError } from '../../server/config/mount-error.js';
import { ALREADY_RUNS } from '../directory/checked-directory.js';
import { programPath } from './program-path.js';

/** How long the service stays after its last mount, in seconds. */
const IDLE_SECONDS = 60;

/**
 * Starts a service in a session of its own. Resolves with `accepts` when it accepts mounts, and with `runs`
 * if another process has started one at the same time, which accepts mounts soon, or if one has not ended
 * yet.
 * @param program the path of `bin/plyfs`
 * @throws {@link MountError} if it cannot be started (EAGAIN, EMFILE), or ends before that: with the last
 * line of its stderr
 */
export async function startService(program = programPath()): Promise<'accepts' | 'runs'> {
  const child: ChildProcess = spawn(program, ['serve', '--detach', '--idle-timeout', `${IDLE_SECONDS}`], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  // Null after EMFILE.
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  const [status, signal] = (await once(child, 'close').catch(failToStart)) as [number | null, string | null];
  if (status === 0) return 'accepts';
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  if (line.includes(ALREADY_RUNS)) return 'runs';
  throw MountError.of({
    what: 'service',
    why: line.replace(/^plyfs: /, '') || `ended by ${signal ?? `status ${status}`}`,
  });
}

function failToStart(error: unknown): never {
  throw asMountError(error, 'service');
}
