/** Many unions over the same layers, for tests that mount many of them by one service. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { vi } from 'vitest';
import { askService } from '../../../src/service/client/ask-service.js';
import { ServiceConnection } from '../../../src/service/client/service-connection.js';
import type { ServiceStatus } from '../../../src/service/control/control-message.js';
import { PLYFS } from '../../harness/mounts.js';
import { run } from '../harness/sandbox.js';
import type { ServiceSandbox } from './service-under-test.js';

/** A union with an upper of its own, which can be mounted. */
export interface Union {
  readonly mountpoint: string;
  readonly upper: string;
  /** The arguments of `plyfs` that mount it. */
  readonly args: readonly string[];
}

/** How a command has ended. */
export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;
}

/** Makes the directories of a union. @param name of a new directory in the sandbox */
export function makeUnion(box: ServiceSandbox, name: string, options: readonly string[] = []): Union {
  const at = (part: string): string => box.at(`${name}/${part}`);
  for (const part of ['up', 'work', 'mnt']) mkdirSync(at(part), { recursive: true });
  const layers = `lowerdir=${box.at('top')}:${box.at('base')},upperdir=${at('up')},workdir=${at('work')}`;
  return {
    mountpoint: at('mnt'),
    upper: at('up'),
    args: ['mount', '-o', [layers, ...options].join(','), at('mnt')],
  };
}

/** A command that mounts, in the background. */
export class MountCommand {
  readonly ended: Promise<Ended>;
  readonly child: ChildProcess;
  private stderr = '';

  constructor(box: ServiceSandbox, argv: readonly string[], program = PLYFS) {
    this.child = spawn(program, argv, { cwd: box.dir, env: box.env, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.child, 'close').then(([status, signal]) => ({
      status: status as number | null,
      signal: signal as NodeJS.Signals | null,
      stderr: this.stderr,
    }));
  }
}

/** How many file systems are mounted on a path, one over the other. */
export function mountsOn(path: string): number {
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.filter((line) => line.split(' ')[4] === path).length;
}

/** Unmounts everything on a path. */
export function detachAll(path: string): void {
  while (mountsOn(path) > 0) run('umount', ['-l', path]);
}

/** The output of `plyfs serve --status --json`. */
export function statusOf(box: ServiceSandbox): ServiceStatus {
  const { status, stdout, stderr } = box.plyfs('serve', '--status', '--json');
  if (status !== 0) throw new Error(`plyfs serve --status: status ${status}: ${stderr}`);
  return JSON.parse(stdout) as ServiceStatus;
}

/** The same in less time, without a process. */
export async function askStatus(box: ServiceSandbox): Promise<ServiceStatus> {
  const connection = await ServiceConnection.open(box.env);
  if (typeof connection === 'string') throw new Error(connection);
  let status: ServiceStatus | undefined;
  await askService(connection, box.directory, { do: 'status' }, (answer) => {
    status = answer as ServiceStatus;
    connection.close();
  });
  if (status === undefined) throw new Error(`the service in ${box.directory} has ended`);
  return status;
}

/** Waits until the service has no mount. */
export async function untilNoMounts(box: ServiceSandbox): Promise<void> {
  await vi.waitUntil(async () => (await askStatus(box)).mounts.length === 0, { timeout: 60_000, interval: 5 });
}
