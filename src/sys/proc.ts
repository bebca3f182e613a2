/** Reads the files of /proc that describe processes (man proc(5)). Text is latin1-decoded bytes. */
import { readFileSync } from 'node:fs';

/**
 * The text of /proc/thread-self/FILE: threads can have mount namespaces of their own. Throws Node's error if
 * it cannot be read.
 */
export function readOwnProc(file: string): string {
  return readFileSync(`/proc/thread-self/${file}`, 'latin1');
}

/** The text of /proc/PID/FILE; undefined: it cannot be read. */
export function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    // ENOENT, ESRCH: the process has ended, or is in another pid namespace; EACCES: /proc hides it.
    return undefined;
  }
}

/** The value of a line `NAME:\tVALUE` in the text of `status` or `fdinfo`; undefined: no such line. */
export function procField(text: string | undefined, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text ?? '')?.[1];
}

/** Whether the process exists and has not ended: a zombie has. */
export function isRunning(pid: number): boolean {
  const state = procField(readProc(pid, 'status'), 'State');
  return state !== undefined && !state.startsWith('Z');
}
