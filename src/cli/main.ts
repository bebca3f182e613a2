/** The program `plyfs`. Only this file ends its process. */
import { closeSync } from 'node:fs';
import { Errno } from '../core/errno.js';
import { errnoOf } from '../server/config/mount-error.js';
import { ThreadServer } from '../server/thread/thread-server.js';
import type { PathRule } from '../service/order/path-rule.js';
import { FAILURE, OK, RUN_FAILURE } from './output/exit-status.js';
import { convertArguments } from './process/helper-call.js';
import { Launcher } from './process/launcher.js';
import { leaveRemovedDirectory } from './process/removed-directory.js';
import { rawArguments } from './syntax/raw-arguments.js';

/**
 * Arguments of command lines that do not mount. If a path of a mount looks like one of them, the server of
 * that mount starts later, which only costs time.
 */
const NOT_MOUNTING = /^(umount|convert|run|run-inside|serve|serve-inside|completion|help|--help|-h|--version|-V)$/;

/**
 * Runs the command line, or continues a mount of which the launcher has read it. Resolves with the exit
 * status.
 * @param paths checks the paths of the command line
 * @param launcher the process that waits for a mount in the background, if there is one
 * @param preloaded a server that loads its modules already, for a mount
 */
async function run(
  args: readonly string[],
  paths: PathRule,
  launcher: Launcher | undefined,
  preloaded: ThreadServer | undefined,
): Promise<number> {
  // Imported here, not above, so that these modules load while the server starts.
  const commandMountModule = async (): Promise<typeof import('./commands/command-mount.js')> =>
    import('./commands/command-mount.js');
  if (launcher !== undefined && args.length === 0)
    return (await commandMountModule()).mountFromSettings(launcher, preloaded);
  const { runCommandLine } = await import('./commands/command-line.js');
  return await runCommandLine(args, {
    mount: async (mountArgs) => (await commandMountModule()).commandMount(mountArgs, paths, launcher, preloaded),
    umount: async (umountArgs) => (await import('./commands/command-umount.js')).commandUmount(umountArgs, paths),
    convert: async (convertArgs) => (await import('./commands/command-convert.js')).commandConvert(convertArgs, paths),
    run: async (runArgs) => (await import('./commands/command-run.js')).commandRun(runArgs, paths),
    runInside: async (order) => {
      const { orderOf, runInside } = await import('./commands/run-inside.js');
      return await runInside(orderOf(order));
    },
    serve: async (serveArgs) => (await import('./commands/command-serve.js')).commandServe(serveArgs, paths),
    serveInside: async (settings) => (await import('./commands/command-serve-inside.js')).commandServeInside(settings),
    completion: async (shell, program) => {
      process.stdout.write((await import('./manual/completion.js')).completionFor(shell, program));
      return OK;
    },
  });
}

/** Runs the program. Resolves with its exit status. */
async function main(): Promise<number> {
  // Without a handler for this signal Node opens its debugger, to which every user of the machine can
  // connect.
  process.on('SIGUSR1', () => {});
  const given = rawArguments();
  const launcher = Launcher.of(given[0]);
  const args = convertArguments(launcher === undefined ? given : given.slice(1));
  if (typeof args === 'number') {
    launcher?.answer(args);
    return args;
  }
  const mayMount = given.length > 0 && !args.some((arg) => NOT_MOUNTING.test(arg));
  const paths = leaveRemovedDirectory();
  // Most mounts need this server, and loading its modules takes longer than everything else, so it begins
  // first.
  const preloaded = mayMount ? new ThreadServer() : undefined;
  // The thread loads its code later than this. This module loads the native library, so it is loaded here.
  const { returnLargeBlocks } = await import('../sys/process/malloc.js');
  returnLargeBlocks();
  let status = /^run(-inside)?$/.test(args[0] ?? '') ? RUN_FAILURE : FAILURE;
  try {
    status = await run(args, paths, launcher, preloaded);
  } catch (error) {
    process.stderr.write(`plyfs: internal error: ${error instanceof Error ? error.stack : String(error)}\n`);
  }
  // A mount that was ready has answered it already, and a killed launcher waits for nothing.
  if (launcher?.waits === true) launcher.answer(status);
  await preloaded?.dismiss();
  return status;
}

/**
 * Closes stdin, stdout and stderr. When Node exits, it restores the terminal settings of each of these fds,
 * and aborts if the terminal has been hung up (EIO; src/node.cc:ResetStdio). It skips a closed fd.
 * `plyfs run` restores the settings itself.
 */
function closeStdio(): void {
  for (const fd of [0, 1, 2]) {
    try {
      closeSync(fd);
    } catch (error) {
      // EBADF: it was closed already. The others: its file system failed, but the fd is closed anyway.
      const errno = errnoOf(error);
      if (errno !== Errno.EBADF && errno !== Errno.EIO && errno !== Errno.ENOSPC && errno !== Errno.EDQUOT) throw error;
    }
  }
}

void main().then((status) => {
  closeStdio();
  process.exit(status);
});
