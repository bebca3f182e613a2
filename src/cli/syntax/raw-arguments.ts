/** The command line as bytes. */
import { readFileSync } from 'node:fs';
import { toBytesName } from '../../core/entry-name.js';

/**
 * The arguments after the script's name, latin1-decoded. A path may contain bytes that are not UTF-8. Node
 * decodes argv as UTF-8 and loses them, but the kernel still has them (man proc_pid_cmdline(5)).
 */
export function rawArguments(): string[] {
  const decoded = process.argv.slice(2);
  if (!decoded.some((argument) => argument.includes('\u{fffd}'))) return decoded.map(toBytesName);
  const all = readFileSync('/proc/self/cmdline', 'latin1').split('\0').slice(0, -1);
  return all.slice(all.length - decoded.length);
}
