/** Detaches a process from its parent: from the session, and from inherited files. */
import { bind, check } from '../libc.js';

const setsid = bind<() => number>('int setsid()');
const dup2 = bind<(from: number, to: number) => number>('int dup2(int, int)');

/**
 * Starts a new session without a terminal (man setsid(2)). Throws EPERM if the process leads a process group.
 */
export function newSession(): void {
  check(setsid(), 'setsid');
}

/** Makes `to` a duplicate of `from`, and closes what `to` was before, in one atomic step. */
export function replaceFd(to: number, from: number): void {
  check(dup2(from, to), 'dup2');
}
