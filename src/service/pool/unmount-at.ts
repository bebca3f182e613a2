/** Unmounts a mount of the service, in whichever mount namespace it is. */
import { readdirSync, statSync } from 'node:fs';
import { isErrno } from '../../core/errno.js';
import { O_PATH, O_RDONLY } from '../../core/flags.js';
import { unmount } from '../../fuse/index.js';
import { unmountError } from '../../server/serving/unmount-error.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { readMountinfo } from '../../sys/mountinfo.js';
import type { ThreadHome } from '../../sys/process/namespaces.js';
import type { MountLocation, UnmountOutcome } from './pool-message.js';

/**
 * Unmounts. The service keeps no fd of the mount namespaces of its callers, because a namespace would then
 * exist, with its mounts, after its last process. So the namespace is entered through a process in it.
 * @throws MountError EBUSY if the mount is in use, and not `lazy`
 */
export function unmountAt(where: MountLocation, lazy: boolean, home: ThreadHome): UnmountOutcome {
  const { namespace } = where;
  if (namespace === undefined) return unmountHere(where, lazy);
  for (const pid of processesIn(namespace)) {
    const outcome = through(pid, namespace, home, () => unmountHere(where, lazy));
    // A process in a chroot does not see the mounts outside of it.
    if (outcome !== 'absent') return outcome;
  }
  return 'absent';
}

function unmountHere({ device, mountpoint }: MountLocation, lazy: boolean): UnmountOutcome {
  const mounts = readMountinfo();
  const ours = mounts.findLast((entry) => entry.device === device);
  if (ours === undefined) return 'absent';
  if (mounts.findLast((entry) => entry.mountpoint === ours.mountpoint) !== ours) return 'hidden';
  try {
    unmount(ours.mountpoint, { lazy });
    return 'unmounted';
  } catch (error) {
    // Another program can have unmounted it meanwhile.
    if (!readMountinfo().some((entry) => entry.id === ours.id)) return 'absent';
    throw unmountError(error, mountpoint);
  }
}

function processesIn(namespace: number): string[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && namespaceOf(name) === namespace);
}

/** The inode number of the mount namespace of a process; undefined: it has ended, or is another user's. */
function namespaceOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}/ns/mnt`).ino;
  } catch {
    // ENOENT, ESRCH, EACCES: see above.
    return undefined;
  }
}

/** Runs `body` in the mount namespace and the root of a process; `absent` if the process has left it. */
function through(pid: string, namespace: number, home: ThreadHome, body: () => UnmountOutcome): UnmountOutcome {
  const root = openOf(pid, 'root', O_PATH);
  let mountNamespace = -1;
  try {
    mountNamespace = openOf(pid, 'ns/mnt', O_RDONLY);
    if (root < 0 || mountNamespace < 0 || namespaceOf(pid) !== namespace) return 'absent';
    return home.enter({ root, cwd: root, mountNamespace, umask: 0 }, body);
  } finally {
    for (const fd of [root, mountNamespace]) if (fd >= 0) close(fd);
  }
}

/** Opens a file of /proc/PID. Returns -1 if the process has ended (ENOENT, ESRCH), or is another user's. */
function openOf(pid: string, name: string, flags: number): number {
  try {
    return openTrusted(`/proc/${pid}/${name}`, flags);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH', 'EACCES', 'EPERM')) return -1;
    throw error;
  }
}
