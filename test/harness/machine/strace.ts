/**
 * Reads what strace(1) writes about a program with several threads: a file for each thread. In one file for
 * all threads, strace splits the line of a call when a call of another thread interrupts it.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** Options of strace for the files that the functions below read. `file` is the beginning of their names. */
export function threadTraceOptions(file: string): string[] {
  return ['-ff', '-o', file];
}

/** The current size of each thread's file. */
export function threadTraceSizes(file: string): Map<string, number> {
  return new Map(traceFiles(file).map((path) => [path, statSync(path).size]));
}

/**
 * The lines of all threads. The lines of each thread are in order.
 * @param from where to begin in files that a test has read before; the rest of a line that was incomplete
 * then is left out
 */
export function threadTraces(file: string, from: ReadonlyMap<string, number> = new Map()): string[] {
  return traceFiles(file).flatMap((path) => {
    const offset = from.get(path);
    const text = readFileSync(path, 'latin1');
    const begin = offset === undefined || offset === 0 ? 0 : text.indexOf('\n', offset - 1) + 1;
    return text.slice(begin).split('\n');
  });
}

function traceFiles(file: string): string[] {
  const dir = dirname(file);
  const names = readdirSync(dir).filter((name) => name.startsWith(`${basename(file)}.`));
  return names.map((name) => join(dir, name));
}
