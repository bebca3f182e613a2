/**
 * The inner half of `plyfs run`: the first process of its namespaces. It mounts the union, /proc and /dev,
 * runs the command, and unmounts everything in order. If the server were killed with its namespace instead,
 * no data would be lost, but pseudo-links of aufs would not become hard links.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, MountError } from '../../server/config/mount-error.js';
import {
  BOOLEAN,
  type Check,
  checkProperties,
  listOf,
  parseJson,
  required,
  TEXT,
} from '../../server/options/kinds/property-checks.js';
import { isRunning } from '../../sys/proc.js';
import { RUN_FAILURE } from '../output/exit-status.js';
import { printMessage } from '../output/message.js';
import { PACKAGE_ROOT } from '../package-root.js';
import type { TerminalSettings } from '../process/caller-terminal.js';
import { CommandSignals, statusOf, statusOfSignal } from '../process/child-status.js';
import { describeUnmappedOwners } from '../process/unmapped-owners.js';
import { RunTerminal } from './run-terminal.js';

/** The work of the inner process: the mount, and the command to run in it. */
export interface InsideOrder {
  /** Arguments of `plyfs mount`. */
  readonly mount: readonly string[];
  /** The mountpoint. */
  readonly root: string;
  readonly command: readonly string[];
  /**
   * Settings of the caller's terminal. The command gets a terminal of its own instead. Absent: it gets no
   * terminal.
   */
  readonly terminal?: TerminalSettings;
  /** A user namespace is used, so owners in the layers can be outside of it. */
  readonly mapsOwners: boolean;
}

const STRINGS = listOf(TEXT, 'strings');
const ORDER_CHECKS = {
  mount: required(STRINGS),
  root: required(TEXT),
  command: required(STRINGS),
  terminal: TEXT,
  mapsOwners: required(BOOLEAN),
} satisfies Record<keyof InsideOrder, Check>;

/**
 * The order in a text of JSON, as `plyfs run` gives it.
 * @param bytes as `rawArguments` returns them
 * @throws {@link MountError} if the text has no order, because the command was not started by `plyfs run`
 */
export function orderOf(bytes: string): InsideOrder {
  const order = parseJson('run-inside', Buffer.from(bytes, 'latin1').toString('utf8'));
  checkProperties('run-inside', order, ORDER_CHECKS);
  return order as InsideOrder;
}

/** The launcher of this same installation. */
const PLYFS = fileURLToPath(new URL('bin/plyfs', PACKAGE_ROOT));
/** Devices of the caller's /dev that the command can use. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
/** Symlinks in /dev, and their targets. */
const LINKS = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
};
/** The PATH of the command. The caller's one is for the caller's tree. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How long to wait for the end of processes that the command has left, in milliseconds. */
const ENDING_MS = 10_000;

/** Carries out the order. Resolves with the command's status. */
export async function runInside(order: InsideOrder): Promise<number> {
  const { root } = order;
  const signals = new CommandSignals();
  const mounted = spawnSync(PLYFS, ['mount', ...order.mount], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (mounted.error !== undefined) throw mounted.error;
  if (mounted.status !== 0) return RUN_FAILURE; // It has printed the reason.
  let terminal: RunTerminal | undefined;
  try {
    const unmapped = order.mapsOwners ? describeUnmappedOwners(root) : null;
    if (unmapped !== null) printMessage(unmapped);
    mountSystemDirectories(root);
    if (order.terminal !== undefined) terminal = await RunTerminal.open(root, order.terminal);
    return await run(order, signals, terminal);
  } catch (error) {
    if (!(error instanceof MountError) && errnoOf(error) === undefined) throw error;
    printMessage(asMountError(error, 'run').message);
    return RUN_FAILURE;
  } finally {
    await unmountAll(root, terminal);
  }
}

/** Mounts /proc and a minimal /dev in the tree. */
function mountSystemDirectories(root: string): void {
  mountAt(root, 'proc', ['-t', 'proc', 'proc']);
  mountAt(root, 'dev', ['-t', 'tmpfs', '-o', 'mode=755,nosuid', 'tmpfs']);
  for (const name of DEVICES) {
    const place = join(root, 'dev', name);
    closeSync(openSync(place, 'wx', 0o666));
    mount(['--bind', `/dev/${name}`, place]);
  }
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(root, 'dev', name));
  mountAt(root, 'dev/pts', ['-t', 'devpts', '-o', 'newinstance,ptmxmode=0666,mode=620', 'devpts']);
  mountAt(root, 'dev/shm', ['-t', 'tmpfs', '-o', 'mode=1777,nosuid,nodev', 'tmpfs']);
}

/**
 * Mounts on `place` in the tree. It never follows a symlink that the tree has there: that could lead out of
 * it.
 */
function mountAt(root: string, place: string, args: readonly string[]): void {
  const path = join(root, place);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) mkdirSync(path);
  else if (!found.isDirectory()) {
    throw MountError.of({
      what: 'run',
      where: `/${place}`,
      why: 'not a directory in this tree',
      advice: 'plyfs run mounts on it',
    });
  }
  mount([...args, path]);
}

/** Calls mount(8), which prints the reason of a failure. */
function mount(args: readonly string[]): void {
  const { status, error } = spawnSync('mount', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined) throw MountError.of({ what: 'mount', why: error.message });
  if (status !== 0)
    throw MountError.of({ what: 'mount', where: args.at(-1) ?? '', why: `failed with status ${status}` });
}

/** Runs the command in the mounted tree. Resolves with its status. */
async function run(
  { root, command }: InsideOrder,
  signals: CommandSignals,
  terminal: RunTerminal | undefined,
): Promise<number> {
  const { TERM } = process.env;
  // spawnSync has blocked the event loop. Let it deliver the signals that have been reported meanwhile.
  await new Promise((resolve) => setImmediate(resolve));
  if (signals.beforeStart !== undefined) return statusOfSignal(signals.beforeStart);
  // setsid --ctty: the command gets its own session, with stdin as controlling terminal (man setsid(1)).
  const [program, ...args] = [...(terminal === undefined ? [] : ['setsid', '--ctty']), 'chroot', root, ...command] as [
    string,
    ...string[],
  ];
  const child = spawn(program, args, {
    stdio: terminal?.stdio ?? 'inherit',
    env: { PATH, HOME: '/root', ...(TERM === undefined ? {} : { TERM }) },
  });
  signals.attach(child, { hasOwnTerminal: terminal !== undefined });
  terminal?.relay();
  return await statusOf(child);
}

/** Ends the processes that the command has left in the tree, then unmounts the tree and all mounts in it. */
async function unmountAll(root: string, terminal: RunTerminal | undefined): Promise<void> {
  await until(() => {
    const left = others().filter((pid) => isInside(pid, root));
    for (const pid of left) kill(pid);
    return left.length === 0;
  });
  await terminal?.close();
  for (const place of ['dev', 'proc']) spawnSync('umount', ['-R', join(root, place)], { stdio: 'ignore' });
  spawnSync(PLYFS, ['umount', root], { stdio: 'inherit' });
  // The server ends by itself. The kernel kills the remaining processes with the namespace.
  await until(() => others().length === 0);
}

/** Kills a process, unless it has ended. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // ESRCH: it has just ended.
    if (errnoOf(error) !== Errno.ESRCH) throw error;
  }
}

/** Waits until `isDone` returns true, for at most {@link ENDING_MS}. */
async function until(isDone: () => boolean): Promise<void> {
  for (const deadline = Date.now() + ENDING_MS; !isDone() && Date.now() < deadline; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The processes of this namespace, except this one and zombies. */
function others(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && isRunning(pid));
}

/** Whether the root directory of the process is in the tree: it belongs to the command. */
function isInside(pid: number, root: string): boolean {
  try {
    const seen = readlinkSync(`/proc/${pid}/root`);
    return seen === root || seen.startsWith(`${root}/`);
  } catch {
    return false; // ENOENT, ESRCH: it has just ended. EACCES: it belongs to another user.
  }
}
