/** `plyfs run`: a command in a layered tree, in namespaces of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Errno } from '../core/errno.js';
import { asMountError, errnoOf, MountError } from '../server/mount-error.js';
import { statusOf } from './child-status.js';
import { RUN_FAILURE } from './exit-status.js';
import { say } from './message.js';
import { userNamespace } from './namespaces.js';
import { parseLayers } from './option-value.js';
import type { PathRule } from './removed-directory.js';
import type { InsideOrder } from './run-inside.js';

/** All strings are bytes. */
export interface RunArguments {
  /** What `lowerdir=` takes; absent: `docker`. */
  readonly rootfs?: string;
  readonly docker?: { readonly directory: string; readonly layer: string };
  readonly upper?: string;
  readonly work?: string;
  /** What the command changes is thrown away. */
  readonly ephemeral: boolean;
  /** The texts after each `-o`. */
  readonly options: readonly string[];
  readonly command: readonly string[];
}

/** Resolves with the command's status; 128 and the signal's number, if one ended it. */
export async function commandRun(args: RunArguments, paths: PathRule): Promise<number> {
  const made: string[] = [];
  let scratch: string | undefined;
  try {
    const rootfs = args.rootfs === undefined ? [] : parseLayers(args.rootfs).layers;
    const { upper, work, docker } = args;
    paths.check({ '--rootfs': rootfs, '--docker': docker?.directory, '--upper': upper, '--work': work });
    scratch = mkdtempSync(join(tmpdir(), 'plyfs-run-'));
    const status = await enter(prepare(args, scratch, made));
    if (status === RUN_FAILURE) takeBack(made);
    return status;
  } catch (error) {
    takeBack(made);
    const known = error instanceof MountError || errnoOf(error) !== undefined;
    if (!known) throw error;
    say(asMountError(error, 'run').message);
    return RUN_FAILURE;
  } finally {
    if (scratch !== undefined) remove(scratch);
  }
}

/** @param made takes the directories that were not there before */
function prepare(args: RunArguments, scratch: string, made: string[]): InsideOrder {
  const root = join(scratch, 'root');
  mkdirSync(root);
  const upper = args.ephemeral ? join(scratch, 'upper') : text('--upper', args.upper ?? '');
  const work = args.ephemeral ? join(scratch, 'work') : text('--work', args.work ?? `${resolve(upper)}.work`);
  for (const directory of [upper, work]) {
    if (existsSync(directory)) continue;
    mkdirSync(directory);
    made.push(directory);
  }
  return {
    mount: [...layersOf(args, upper, work), ...args.options.flatMap((option) => ['-o', text('-o', option)]), root],
    root,
    command: args.command.length === 0 ? ['/bin/sh'] : args.command.map((word) => text('the command', word)),
  };
}

function layersOf({ rootfs, docker }: RunArguments, upper: string, work: string): string[] {
  if (docker !== undefined) {
    const directory = text('--docker', docker.directory);
    return ['--docker', directory, '--upper', upper, '--work', work, text('the layer', docker.layer)];
  }
  const escaped = (path: string): string => path.replace(/[\\,:]/g, '\\$&');
  // Layers stand with colons between them; a comma is none of the options'.
  const layers = text('--rootfs', rootfs ?? '').replaceAll(',', '\\,');
  return ['-o', `lowerdir=${layers},upperdir=${escaped(upper)},workdir=${escaped(work)}`];
}

/** Arguments of other programs are text to Node. */
function text(what: string, bytes: string): string {
  const decoded = Buffer.from(bytes, 'latin1').toString('utf8');
  if (Buffer.from(decoded, 'utf8').toString('latin1') === bytes) return decoded;
  throw MountError.of({ what, where: bytes, why: 'not UTF-8', advice: 'mount it with plyfs mount, and use chroot(8)' });
}

async function enter(order: InsideOrder): Promise<number> {
  const { args, hasOthers } = userNamespace();
  if (!hasOthers) {
    say('only your own user is there: no subordinate ids (man subuid(5)); files of others belong to nobody');
  }
  const [program = ''] = process.argv.slice(1);
  // Should we be killed, nobody is there to take anything down: the command is not to go on either (man prctl(2), PR_SET_PDEATHSIG).
  const child = spawn(
    'setpriv',
    [
      '--pdeathsig',
      'KILL',
      '--',
      'unshare',
      ...args,
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
    { stdio: 'inherit' },
  );
  return await statusOf(child, (signal) => forward(child, signal));
}

/** unshare(1) lets no SIGTERM end it while it waits: what it waits for is told. */
function forward(unshare: ChildProcess, signal: NodeJS.Signals): void {
  const { pid } = unshare;
  if (pid === undefined) return;
  try {
    const inner = Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1'), 10);
    process.kill(inner, signal);
  } catch {
    // ENOENT: a kernel that does not tell. No number, ESRCH: there is none yet, or no more. It ends with unshare(1) (--kill-child).
    unshare.kill('SIGKILL');
  }
}

/** The tree could not be mounted: an upper that was made for it goes, if nothing is in it. */
function takeBack(made: readonly string[]): void {
  for (const directory of made) {
    try {
      rmdirSync(directory);
    } catch (error) {
      if (errnoOf(error) !== Errno.ENOTEMPTY) throw error;
    }
  }
}

/** What the command has made can belong to users that exist in its namespace only. */
function remove(scratch: string): void {
  const { args } = userNamespace();
  if (args.length > 0) spawnSync('unshare', [...args, '--', 'rm', '-rf', '--', scratch], { stdio: 'inherit' });
  rmSync(scratch, { recursive: true, force: true });
}
