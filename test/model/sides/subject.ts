/** The mount of plyfs in a run, with a server of its own or by a service. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ForegroundMount, type Mounted, mountForeground, PLYFS, USES_SERVICE } from '../../harness/mounts.js';
import type { LayerDirs } from '../../harness/scratch.js';

export interface Subject extends Mounted {
  /** Resolves when the server has closed the layers. Call it after `unmount`. */
  ended(): Promise<void>;
  /** Returns the log of the server, and its status if it failed; null if there is nothing. */
  complaint(): string | null;
}

/**
 * Mounts plyfs.
 * @param args the arguments without the mountpoint
 * @param mount mounts with them, and further options, by the service
 */
export async function mountSubject(
  dirs: LayerDirs,
  args: readonly string[],
  mount: (options: readonly string[]) => Mounted,
): Promise<Subject> {
  if (!USES_SERVICE) return withOwnServer(await mountForeground(dirs, [], [...args]));
  const log = join(dirname(dirs.mountpoint), 'plyfs.log');
  return {
    ...mount([`log=${log}`]),
    ended: async () => {},
    complaint: () => {
      const text = readFileSync(log, 'utf8');
      return text === '' ? null : `the service logged: ${text}`;
    },
    unmount: () => {
      // It returns when the layers are closed.
      const { status, stderr } = spawnSync(PLYFS, ['umount', dirs.mountpoint], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`plyfs umount: status ${status}: ${stderr}`);
    },
  };
}

function withOwnServer({ mountpoint, unmount, server, log }: ForegroundMount): Subject {
  return {
    mountpoint,
    unmount,
    ended: async () => {
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    },
    complaint: () => {
      const status = server.exitCode ?? server.signalCode;
      if (status !== 0) return `the server ended with ${status}: ${log()}`;
      return log() === '' ? null : `the server said: ${log()}`;
    },
  };
}
