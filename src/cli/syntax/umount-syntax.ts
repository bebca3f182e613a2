/** The command line of `plyfs umount`. */
import type { Command } from 'commander';
import { throwParseErrors } from './parse-errors.js';

/** The arguments of `plyfs umount`. */
export interface UmountArguments {
  /** Detach the mount even if it is in use. */
  readonly lazy: boolean;
  /** Bytes. */
  readonly mountpoint: string;
}

/** Adds the command to the program. */
export function addUmount(program: Command, umount: (args: UmountArguments) => Promise<void>): void {
  const command: Command = program
    .command('umount')
    .description('unmount a plyfs mount')
    .argument('<mountpoint>', 'where it is mounted')
    .option('-l, --lazy', 'detach it now, even if it is in use');
  throwParseErrors(command).action(async (mountpoint: string, flags: { lazy?: true }) => {
    await umount({ mountpoint, lazy: flags.lazy === true });
  });
}
