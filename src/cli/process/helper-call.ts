/** The calls of mount(8) and umount(8): what this process does for them. */
import { spawnSync } from 'node:child_process';
import { displayName } from '../../core/entry-name.js';
import { MountError } from '../../server/config/mount-error.js';
import { FAILURE, OK } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { calledAs, splitName } from '../syntax/called-as.js';

/**
 * Converts the arguments that `bin/plyfs` has given.
 * @returns the arguments of plyfs; or the exit status, if nothing is left to do
 */
export function convertArguments(given: readonly string[]): readonly string[] | number {
  const { name, args } = splitName(given);
  if (name === undefined) return args;
  try {
    const call = calledAs(name, args);
    if (call.kind === 'plyfs') return call.args;
    return call.kind === 'nothing' ? OK : runUmount(call.args);
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    printMessage(error.message);
    return FAILURE;
  }
}

function runUmount(args: readonly string[]): number {
  const { status, error } = spawnSync('umount', args.map(displayName), { stdio: 'inherit' });
  if (error !== undefined) throw MountError.of({ what: 'umount', why: error.message });
  return status ?? FAILURE;
}
