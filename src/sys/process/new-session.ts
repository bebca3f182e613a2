/** What ties a process to the one that started it: its session, and the files it was given. */
import { bind, check } from '../libc.js';

const setsid = bind<() => number>('int setsid()');
const dup2 = bind<(from: number, to: number) => number>('int dup2(int, int)');

/** A session of its own, without a terminal (man setsid(2)). EPERM: the process leads its group already. */
export function newSession(): void {
  check(setsid(), 'setsid');
}

/** `to` becomes what `from` is; what it was is closed, in one step that no other thread can come between. */
export function replaceFd(to: number, from: number): void {
  check(dup2(from, to), 'dup2');
}
