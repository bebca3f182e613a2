/** The program: the only place that ends the process of the command line. */
import { DaemonProcess } from './daemon-process.js';
import { FAILURE } from './exit-status.js';
import { rawArguments } from './raw-arguments.js';

/** Arguments that mean something else than a mount in the background. A wrong guess costs time, nothing else. */
const OTHERWISE = /^(umount|convert|help|--help|-h|--version|-V|-[fds]*[fd][fds]*)$/;

const args = rawArguments();
const early = args.length === 0 || args.some((arg) => OTHERWISE.test(arg)) ? undefined : new DaemonProcess();
let status = FAILURE;
try {
  // Not imported above: all of this loads while the daemon starts.
  const { runCommandLine } = await import('./command-line.js');
  let daemon = early;
  status = await runCommandLine(args, {
    mount: async (mountArgs) =>
      (await import('./command-mount.js')).commandMount(mountArgs, () => {
        const taken = daemon ?? new DaemonProcess();
        daemon = undefined;
        return taken;
      }),
    // Unmounting needs system calls; mounting in the background leaves those to the daemon.
    umount: async (umountArgs) => (await import('./command-umount.js')).commandUmount(umountArgs),
    convert: async (convertArgs) => (await import('./command-convert.js')).commandConvert(convertArgs),
  });
  daemon?.dismiss();
} catch (error) {
  early?.dismiss();
  process.stderr.write(`plyfs: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
}
process.exit(status);
