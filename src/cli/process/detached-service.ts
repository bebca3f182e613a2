/** `plyfs serve --detach`: a service in a session of its own, and its first answer. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { Errno } from '../../core/errno.js';
import { errnoOf, MountError } from '../../server/config/mount-error.js';
import { OK } from '../output/exit-status.js';
import { DETACHED } from '../syntax/serve-syntax.js';

/** The fd of the service for its answer. */
const ANSWER_FD = 3;

export type FirstAnswer = { readonly kind: 'accepts' } | { readonly kind: 'refused'; readonly message: string };

let isAnnounced = false;

/** Starts a service. Resolves with the exit status when it accepts mounts. */
export async function startDetached(idleTimeout: number | undefined): Promise<number> {
  const [program = ''] = process.argv.slice(1);
  const limit = idleTimeout === undefined ? [] : ['--idle-timeout', `${idleTimeout}`];
  const child = spawn(process.execPath, [...process.execArgv, program, 'serve', DETACHED, ...limit], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  ended.catch(() => {}); // If it cannot be started, its answer is empty; `await ended` below throws.
  let text = '';
  const answers = child.stdio[ANSWER_FD] as Readable;
  for await (const part of answers.setEncoding('utf8')) text += part;
  if (text === '') {
    const [status, signal] = (await ended) as [number | null, string | null];
    throw MountError.of({
      what: 'serve',
      why: `the service ended before it was ready (${signal ?? `status ${status}`})`,
    });
  }
  const answer = JSON.parse(text) as FirstAnswer;
  if (answer.kind === 'refused') throw new MountError(answer.message);
  child.unref();
  return OK;
}

/**
 * Gives the first answer to the process that has started this service. Returns false if it was given before.
 */
export function announce(answer: FirstAnswer): boolean {
  if (isAnnounced) return false;
  isAnnounced = true;
  try {
    writeSync(ANSWER_FD, JSON.stringify(answer));
  } catch (error) {
    // EPIPE: that process was killed. EBADF: a person has typed the hidden option.
    const errno = errnoOf(error);
    if (errno !== Errno.EPIPE && errno !== Errno.EBADF) throw error;
    return false;
  }
  closeSync(ANSWER_FD);
  return true;
}
