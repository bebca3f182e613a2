/** The command line of `plyfs serve`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { throwParseErrors } from './parse-errors.js';

export type ServeArguments =
  | {
      readonly action: 'serve';
      readonly detach: boolean;
      /** This process was started by `--detach`, which waits for its answer. */
      readonly isDetached: boolean;
      /** In seconds. */
      readonly idleTimeout: number | undefined;
    }
  | { readonly action: 'status'; readonly json: boolean }
  | { readonly action: 'stop'; readonly lazy: boolean };

/** The options as commander returns them, by their names. */
interface ServeFlags {
  status?: true;
  json?: true;
  stop?: true;
  lazy?: true;
  detach?: true;
  detached?: true;
  idleTimeout?: number;
}

/** Hidden option of the process that `--detach` starts. */
export const DETACHED = '--detached';

/** Adds the command `serve`, whose arguments `serve` gets. */
export function addServe(program: Command, serve: (args: ServeArguments) => Promise<void>): void {
  const command: Command = program
    .command('serve')
    .description('serve the mounts of this user in one process, which is ready before they are asked for')
    .usage('[--detach] [--idle-timeout S]\n       plyfs serve --status [--json]\n       plyfs serve --stop [--lazy]')
    .option('--detach', 'run in the background; return when mounts are accepted')
    .option('--idle-timeout <s>', 'end after S seconds without a mount', seconds)
    .option('--status', 'show the service that runs, and its mounts')
    .option('--json', 'with --status: print JSON')
    .option('--stop', 'end the service when all mounts are unmounted')
    .option('--lazy', 'with --stop: detach the mounts now')
    .addOption(new Option(DETACHED).hideHelp());
  throwParseErrors(command).action(async (flags: ServeFlags) => {
    await serve(serveArguments(flags, command));
  });
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || value > MAX_SECONDS) throw new InvalidArgumentError(`not a number of seconds.`);
  return value;
}

/** setTimeout() counts milliseconds in 31 bits. */
const MAX_SECONDS = 2_147_483;

function serveArguments(flags: ServeFlags, command: Command): ServeArguments {
  const { status, json, stop, lazy, detach, detached, idleTimeout } = flags;
  const runs = detach === true || detached === true || idleTimeout !== undefined;
  if ([status === true, stop === true, runs].filter(Boolean).length > 1) {
    command.error('error: --status, --stop, and options of a new service exclude each other');
  }
  if (json === true && status !== true) command.error('error: --json needs --status');
  if (lazy === true && stop !== true) command.error('error: --lazy needs --stop');
  if (status === true) return { action: 'status', json: json === true };
  if (stop === true) return { action: 'stop', lazy: lazy === true };
  return { action: 'serve', detach: detach === true, isDetached: detached === true, idleTimeout };
}

/** The hidden command by which `plyfs serve` starts its server process. */
export function addServeInside(program: Command, serveInside: (settings: string) => Promise<void>): void {
  program
    .command('serve-inside <settings>', { hidden: true })
    .action(async (settings: string) => await serveInside(settings));
}
