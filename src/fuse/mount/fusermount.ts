/** The set-uid helper of fuse3 that mounts and unmounts for ordinary users (man fusermount3(1)). */
import { spawnSync } from 'node:child_process';
import { displayName, toBytesName } from '../../core/entry-name.js';
import { HelperError } from './mount-request.js';

/**
 * Names first, for a search in PATH; then paths, for processes without a PATH. In Debian's fuse 2 the helper
 * has the name without the 3.
 */
const HELPERS = ['fusermount3', '/usr/bin/fusermount3', '/bin/fusermount3', 'fusermount', '/usr/bin/fusermount'];

/** Decodes bytes for Node's spawn, which encodes strings as UTF-8. Throws if the bytes are not UTF-8. */
export function argument(bytes: string): string {
  const text = displayName(bytes);
  if (toBytesName(text) !== bytes) throw new HelperError(`fusermount3: ${text}: a path that is not UTF-8 needs root`);
  return text;
}

/**
 * Runs the helper and waits for it. Throws {@link HelperError} with its message if it fails.
 * @param commFd the helper's end of the socket over which it sends the fd
 */
export function runFusermount(args: readonly string[], commFd?: number): void {
  const stdio: ('ignore' | 'pipe' | number)[] = ['ignore', 'ignore', 'pipe'];
  if (commFd !== undefined) stdio.push(commFd);
  const env = commFd === undefined ? process.env : { ...process.env, _FUSE_COMMFD: '3' };
  for (const helper of HELPERS) {
    const done = spawnSync(helper, args, { stdio, env });
    if (done.error !== undefined) {
      if ('code' in done.error && done.error.code === 'ENOENT') continue;
      throw new HelperError(`${helper}: ${done.error.message}`);
    }
    if (done.status === 0) return;
    const message = done.stderr.toString().trim().replaceAll('\n', '; ');
    throw new HelperError(message === '' ? `${helper}: failed with status ${done.status ?? done.signal}` : message);
  }
  throw new HelperError('fusermount3: not found; mounting as an ordinary user needs the package fuse3');
}
