/** The program: the only place that ends the process of the command line. */
import { runCommandLine } from './command-line.js';
import { commandMount } from './command-mount.js';
import { FAILURE } from './exit-status.js';
import { say } from './message.js';
import { rawArguments } from './raw-arguments.js';

try {
  const status = await runCommandLine(rawArguments(), {
    mount: commandMount,
    // Unmounting needs system calls; mounting in the background leaves those to the daemon.
    umount: async (args) => (await import('./command-umount.js')).commandUmount(args),
  });
  process.exit(status);
} catch (error) {
  say(`internal error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exit(FAILURE);
}
