/**
 * Mounting in the background where `bin/plyfs` has not seen that this is what is wanted: we become the
 * launcher.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { MountError } from '../../server/config/mount-error.js';
import { Launcher } from './launcher.js';
import type { MountSettings } from './mount-settings.js';

/** The number that the child has for a descriptor of /dev/fuse that the caller has mounted already. */
const DEVICE_FD = 3;

/**
 * Starts this program once more, which serves the mount. Resolves with the exit status when it answers, or
 * never will.
 */
export async function mountBehindLauncher(settings: MountSettings): Promise<number> {
  const [program = ''] = process.argv.slice(1);
  const { deviceFd } = settings.config;
  const child = spawn(process.execPath, [...process.execArgv, program, Launcher.argumentFor(process.pid)], {
    // A child of Node inherits only the files listed here.
    stdio: ['pipe', 'pipe', 'inherit', ...(deviceFd === undefined ? [] : [deviceFd])],
  }) as ChildProcessByStdio<Writable, Readable, null>;
  const ended = once(child, 'exit');
  ended.catch(() => {}); // Not started: then nothing is read below either.
  child.stdin.on('error', () => {}); // EPIPE: it has ended already.
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

/** What {@link mountBehindLauncher} has told us to mount. */
export function readSettings(): MountSettings {
  return JSON.parse(readFileSync(0, 'utf8')) as MountSettings;
}
