/** `plyfs run`: a command in a layered tree, in namespaces of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { toBytesName } from '../../core/entry-name.js';
import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, MountError } from '../../server/config/mount-error.js';
import { parseLayers } from '../../server/options/kinds/value-kinds.js';
import { RUN_FAILURE } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { setTerminal, type TerminalSettings, terminalSettings } from '../process/caller-terminal.js';
import { onSignals, statusOf } from '../process/child-status.js';
import { userNamespace } from '../process/namespaces.js';
import type { PathRule } from '../process/removed-directory.js';
import { ScratchDirectory } from '../process/scratch-directory.js';
import type { RunArguments } from '../syntax/run-syntax.js';
import type { InsideOrder } from './run-inside.js';

/** Runs the command. Resolves with its status: 128 plus the signal's number, if a signal ended it. */
export async function commandRun(args: RunArguments, paths: PathRule): Promise<number> {
  const made: string[] = [];
  let scratch: ScratchDirectory | undefined;
  const terminal = terminalSettings();
  try {
    const rootfs = args.rootfs === undefined ? [] : parseLayers(args.rootfs).layers;
    const { upper, work, docker } = args;
    paths.check({ '--rootfs': rootfs, '--docker': docker?.directory, '--upper': upper, '--work': work });
    rootfs.forEach(refuseFile);
    scratch = await ScratchDirectory.make();
    const status = await enter(prepare(args, scratch.path, made), terminal);
    if (status === RUN_FAILURE) removeMade(made);
    return status;
  } catch (error) {
    removeMade(made);
    const known = error instanceof MountError || errnoOf(error) !== undefined;
    if (!known) throw error;
    printMessage(asMountError(error, 'run').message);
    return RUN_FAILURE;
  } finally {
    // The inner process restores the terminal too, unless it was killed.
    if (terminal !== undefined) setTerminal([terminal]);
    scratch?.remove();
  }
}

/** Refuses a file as a layer: it is probably the archive of an image. */
function refuseFile(path: string): void {
  if (!existsSync(Buffer.from(path, 'latin1')) || statSync(Buffer.from(path, 'latin1')).isDirectory()) return;
  const advice = 'unpack the image first (tar -x)';
  throw MountError.of({ what: '--rootfs', where: path, errno: Errno.ENOTDIR, advice });
}

/** The part of the order that follows from the command line. */
type Order = Omit<InsideOrder, 'terminal' | 'mapsOwners'>;

/**
 * Creates the directories that the mount needs.
 * @param scratch the temporary directory of this run
 * @param made receives the directories that the user has named and that did not exist
 */
function prepare(args: RunArguments, scratch: string, made: string[]): Order {
  const root = join(scratch, 'root');
  mkdirSync(root);
  const upper = args.ephemeral ? join(scratch, 'upper') : text('--upper', args.upper ?? '');
  const work = args.ephemeral ? join(scratch, 'work') : text('--work', args.work ?? `${resolve(upper)}.work`);
  makeDirectory('--upper', upper, made);
  makeDirectory('--work', work, made);
  return {
    mount: [...layersOf(args, upper, work), ...args.options.flatMap((option) => ['-o', text('-o', option)]), root],
    root,
    command: args.command.length === 0 ? ['/bin/sh'] : args.command.map((word) => text('the command', word)),
  };
}

/** Makes `directory` unless it exists, and adds it to `made`. `what` is the option's name, for messages. */
function makeDirectory(what: string, directory: string, made: string[]): void {
  if (existsSync(directory)) return;
  try {
    mkdirSync(directory);
    made.push(directory);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === undefined) throw error;
    throw MountError.of({ what, where: toBytesName(directory), errno });
  }
}

/** The arguments of `plyfs mount` that name the layers. */
function layersOf({ rootfs, docker }: RunArguments, upper: string, work: string): string[] {
  if (docker !== undefined) {
    const directory = text('--docker', docker.directory);
    return ['--docker', directory, '--upper', upper, '--work', work, text('the layer', docker.layer)];
  }
  const escaped = (path: string): string => path.replace(/[\\,:]/g, '\\$&');
  // Colons separate the layers. Commas are escaped, so that they do not end the option; the user may have
  // escaped some.
  const layers = text('--rootfs', rootfs ?? '').replace(/\\.|,/gs, (found) => (found === ',' ? '\\,' : found));
  return ['-o', `lowerdir=${layers},upperdir=${escaped(upper)},workdir=${escaped(work)}`];
}

/**
 * Decodes an argument for another program, to which Node passes only text. Throws {@link MountError} if it is
 * not UTF-8.
 */
function text(what: string, bytes: string): string {
  const decoded = Buffer.from(bytes, 'latin1').toString('utf8');
  if (Buffer.from(decoded, 'utf8').toString('latin1') === bytes) return decoded;
  throw MountError.of({ what, where: bytes, why: 'not UTF-8', advice: 'use plyfs mount and chroot(8) instead' });
}

/** Carries out the order in namespaces of its own. Resolves with the command's status. */
async function enter(order: Order, terminal: TerminalSettings | undefined): Promise<number> {
  const { args, hasOthers } = userNamespace();
  if (!hasOthers) {
    printMessage("no subordinate ids for this user (see subuid(5)): files of other users appear as nobody's");
  }
  const child = startInside(args, {
    ...order,
    mapsOwners: args.length > 0,
    ...(terminal === undefined ? {} : { terminal }),
  });
  onSignals((signal) => {
    // Sending fails only if the inner process has ended.
    if (child.connected) child.send(signal, () => {});
  });
  return await statusOf(child);
}

/**
 * Starts the inner process, in new namespaces. If this process is killed (SIGKILL, which it cannot pass on),
 * the command must not run on. So setpriv(1) asks the kernel to kill unshare(1) then (man prctl(2),
 * PR_SET_PDEATHSIG), and `--kill-child` does the same for the inner process. It is the first process of its
 * pid namespace: the kernel kills the others with it, and unmounts the tree.
 * @param namespace arguments of unshare(1) for the user namespace
 */
function startInside(namespace: readonly string[], order: InsideOrder): ChildProcess {
  const [program = ''] = process.argv.slice(1);
  return spawn(
    'env',
    [
      // unshare(1) must not end when the whole process group gets one of these signals, which the command may
      // handle.
      '--ignore-signal=HUP,QUIT,USR1,USR2,ALRM',
      'setpriv',
      '--pdeathsig',
      'KILL',
      '--',
      'unshare',
      ...namespace,
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--mount-proc',
      '--',
      process.execPath,
      program,
      'run-inside',
      JSON.stringify(order),
    ],
    // unshare(1) passes no signal on. If this process signalled the inner process, that one could not
    // distinguish the signal from one of the terminal. So signals are reported to it over this channel.
    { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] },
  );
}

/** Removes those of the directories `made` that are empty. Called if the tree could not be mounted. */
function removeMade(made: readonly string[]): void {
  for (const directory of made) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (errnoOf(error) !== Errno.ENOTEMPTY) throw error;
    }
  }
}
