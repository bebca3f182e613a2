/**
 * Mounts in the background if the shell script `bin/plyfs` has not recognised the command line as such a
 * mount. Then this process takes the script's place as the launcher.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { MountError } from '../../server/config/mount-error.js';
import { Launcher } from './launcher.js';
import type { MountSettings } from './mount-settings.js';

/** The child's fd for /dev/fuse, if the caller has already made the mount. */
const DEVICE_FD = 3;

/**
 * Starts this program a second time, as the daemon that serves the mount. Resolves with the exit status that
 * the daemon sends. Throws {@link MountError} if the daemon ends before that.
 */
export async function mountAsLauncher(settings: MountSettings): Promise<number> {
  const [program = ''] = process.argv.slice(1);
  const { deviceFd } = settings.config;
  const child = spawn(process.execPath, [...process.execArgv, program, Launcher.argumentFor(process.pid)], {
    // A child of Node inherits only the files listed here.
    stdio: ['pipe', 'pipe', 'inherit', ...(deviceFd === undefined ? [] : [deviceFd])],
  }) as ChildProcessByStdio<Writable, Readable, null>;
  const ended = once(child, 'exit');
  ended.catch(() => {}); // If the child cannot be started, its stdout is empty; `await ended` below throws.
  child.stdin.on('error', () => {}); // EPIPE: the child has ended already.
  const config = deviceFd === undefined ? settings.config : { ...settings.config, deviceFd: DEVICE_FD };
  child.stdin.end(JSON.stringify({ ...settings, config }));
  let answer = '';
  for await (const text of child.stdout.setEncoding('utf8')) answer += text;
  if (answer !== '') {
    child.unref();
    return Number(answer);
  }
  const [status, signal] = (await ended) as [number | null, string | null];
  throw MountError.of({ what: 'daemon', why: `ended before the mount was ready (${signal ?? `status ${status}`})` });
}

/** Reads the settings that {@link mountAsLauncher} has written to the stdin of this process. */
export async function readSettings(): Promise<MountSettings> {
  // Most mounts read no settings from stdin, so the checks of settings load only here.
  const { parseSettings } = await import('./mount-settings.js');
  return parseSettings(readFileSync(0, 'utf8'));
}
