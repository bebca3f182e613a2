/** What the command line tells people: one line each, on stderr. */
import { printable } from '../server/mount-error.js';

export function say(line: string): void {
  process.stderr.write(`plyfs: ${line}\n`);
}

/** A warning about bytes that came from the command line. */
export function warnUnknownOption(option: string): void {
  say(`unknown option ignored: ${printable(option)}`);
}
