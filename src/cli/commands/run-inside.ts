/**
 * The inner half of `plyfs run`: the first process of its namespaces. Mounts the union and what a program
 * expects to find in it, runs the command, and takes everything down in order: a server that is killed with
 * its namespace has nothing to lose, but pseudo-links of aufs would stay as they are.
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Errno } from '../../core/errno.js';
import { asMountError, errnoOf, MountError } from '../../server/config/mount-error.js';
import { isRunning } from '../../sys/proc.js';
import { RUN_FAILURE } from '../output/exit-status.js';
import { say } from '../output/message.js';
import { PACKAGE_ROOT } from '../package-root.js';
import type { TerminalSettings } from '../process/caller-terminal.js';
import { CommandSignals, statusOf, statusOfSignal } from '../process/child-status.js';
import { describeUnmappedOwners } from '../process/unmapped-owners.js';
import { CommandTerminal } from './command-terminal.js';

export interface InsideOrder {
  /** Arguments of `plyfs mount`. */
  readonly mount: readonly string[];
  /** Where that mounts. */
  readonly root: string;
  readonly command: readonly string[];
  /**
   * Settings of the caller's terminal; the command gets a terminal of its own in its place. Absent: it gets
   * none.
   */
  readonly terminal?: TerminalSettings;
  /** A user namespace is used, so that owners in the layers can be outside of it. */
  readonly mapsOwners: boolean;
}

const PLYFS = fileURLToPath(new URL('bin/plyfs', PACKAGE_ROOT));
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
const LINKS = {
  fd: '/proc/self/fd',
  stdin: '/proc/self/fd/0',
  stdout: '/proc/self/fd/1',
  stderr: '/proc/self/fd/2',
  ptmx: 'pts/ptmx',
};
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** How long processes that the command left behind are given to be gone. */
const PATIENCE_MS = 10_000;

export async function runInside(order: InsideOrder): Promise<number> {
  const { root } = order;
  const signals = new CommandSignals();
  const mounted = spawnSync(PLYFS, ['mount', ...order.mount], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (mounted.error !== undefined) throw mounted.error;
  if (mounted.status !== 0) return RUN_FAILURE; // It has said why.
  let terminal: CommandTerminal | undefined;
  try {
    const unmapped = order.mapsOwners ? describeUnmappedOwners(root) : null;
    if (unmapped !== null) say(unmapped);
    furnish(root);
    if (order.terminal !== undefined) terminal = await CommandTerminal.open(root, order.terminal);
    return await run(order, signals, terminal);
  } catch (error) {
    if (!(error instanceof MountError) && errnoOf(error) === undefined) throw error;
    say(asMountError(error, 'run').message);
    return RUN_FAILURE;
  } finally {
    await takeDown(root, terminal);
  }
}

/** /proc and a minimal /dev. */
function furnish(root: string): void {
  mountAt(root, 'proc', ['-t', 'proc', 'proc']);
  mountAt(root, 'dev', ['-t', 'tmpfs', '-o', 'mode=755,nosuid', 'tmpfs']);
  for (const name of DEVICES) {
    const place = join(root, 'dev', name);
    closeSync(openSync(place, 'wx', 0o666));
    must('mount', ['--bind', `/dev/${name}`, place]);
  }
  for (const [name, target] of Object.entries(LINKS)) symlinkSync(target, join(root, 'dev', name));
  mountAt(root, 'dev/pts', ['-t', 'devpts', '-o', 'newinstance,ptmxmode=0666,mode=620', 'devpts']);
  mountAt(root, 'dev/shm', ['-t', 'tmpfs', '-o', 'mode=1777,nosuid,nodev', 'tmpfs']);
}

/** Not through a link that the tree has in its place: it could lead out of it. */
function mountAt(root: string, place: string, args: readonly string[]): void {
  const path = join(root, place);
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) mkdirSync(path);
  else if (!found.isDirectory()) {
    throw MountError.of({
      what: 'run',
      where: `/${place}`,
      why: 'not a directory in this tree',
      advice: 'it is needed to mount on',
    });
  }
  must('mount', [...args, path]);
}

function must(program: string, args: readonly string[]): void {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (error !== undefined) throw MountError.of({ what: program, why: error.message });
  if (status !== 0)
    throw MountError.of({ what: program, where: args.at(-1) ?? '', why: `failed with status ${status}` });
}

async function run(
  { root, command }: InsideOrder,
  signals: CommandSignals,
  terminal: CommandTerminal | undefined,
): Promise<number> {
  const { TERM } = process.env;
  // The event loop has been blocked until here: let it deliver signals that have been reported meanwhile.
  await new Promise((resolve) => setImmediate(resolve));
  if (signals.early !== undefined) return statusOfSignal(signals.early);
  // setsid --ctty: a session of its own, with stdin as its controlling terminal (man setsid(1)).
  const [program, ...args] = [...(terminal === undefined ? [] : ['setsid', '--ctty']), 'chroot', root, ...command] as [
    string,
    ...string[],
  ];
  const child = spawn(program, args, {
    stdio: terminal?.stdio ?? 'inherit',
    env: { PATH, HOME: '/root', ...(TERM === undefined ? {} : { TERM }) },
  });
  signals.attach(child, terminal !== undefined);
  terminal?.relay();
  return await statusOf(child);
}

async function takeDown(root: string, terminal: CommandTerminal | undefined): Promise<void> {
  await until(() => {
    const left = others().filter((pid) => isInside(pid, root));
    for (const pid of left) end(pid);
    return left.length === 0;
  });
  await terminal?.close();
  for (const place of ['dev', 'proc']) spawnSync('umount', ['-R', join(root, place)], { stdio: 'ignore' });
  spawnSync(PLYFS, ['umount', root], { stdio: 'inherit' });
  // The server ends by itself. What is left after that is killed with the namespace.
  await until(() => others().length === 0);
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // It has just ended.
    if (errnoOf(error) !== Errno.ESRCH) throw error;
  }
}

async function until(isDone: () => boolean): Promise<void> {
  for (const end = Date.now() + PATIENCE_MS; !isDone() && Date.now() < end; ) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The processes of this namespace, without ourselves and those that have ended. */
function others(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0 && pid !== process.pid && isRunning(pid));
}

function isInside(pid: number, root: string): boolean {
  try {
    const seen = readlinkSync(`/proc/${pid}/root`);
    return seen === root || seen.startsWith(`${root}/`);
  } catch {
    return false; // ENOENT, ESRCH: it has just ended.
  }
}
