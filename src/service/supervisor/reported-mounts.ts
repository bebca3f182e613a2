/** Mounts of the server process, as the supervisor knows them from its reports. */
import { closeSync, constants, openSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { Errno } from '../../core/errno.js';
import { O_PATH } from '../../core/flags.js';
import { unmount } from '../../fuse/mount/unmount.js';
import { asMountError, errnoOf, printable } from '../../server/config/mount-error.js';
import { type MountEntry, mountedOn, readMountinfo } from '../../sys/mountinfo.js';
import { type CallerPlace, ThreadHome } from '../../sys/process/namespaces.js';
import { readLink } from '../../sys/process/process-facts.js';
import type { MountReport } from '../order/supervisor-message.js';

type Announcement = MountReport & { readonly kind: 'mounting' };

interface KnownMount {
  readonly mountpoint: string;
  /** The id of the mount that was on the mountpoint before. */
  readonly covered: number | undefined;
  readonly isInOwnNamespace: boolean;
  /**
   * The caller's root and mount namespace, until the caller has its answer: they would keep a container's
   * root busy. Undefined: the caller has its answer, or has ended.
   */
  place: CallerPlace | undefined;
  /** The id in mountinfo. Undefined: it is not known whether the mount exists. */
  mountId: number | undefined;
  isAnswered: boolean;
}

/** How long to wait for an answer of a mountpoint, in milliseconds. A dead mount answers at once. */
const ANSWER_MS = 1000;

/**
 * Knows what a server process that has died has left. Its mounts are dead, and their users get ENOTCONN. If a
 * caller has no answer yet, it must find nothing mounted, so its mount is detached.
 */
export class ReportedMounts {
  private readonly mounts = new Map<number, KnownMount>();
  private readonly ownNamespace = readLink('/proc/self/ns/mnt');
  /** Made at the first need, to enter the places of callers. */
  private home: ThreadHome | undefined;

  constructor(private readonly log: (line: string) => void) {}

  handle(report: MountReport): void {
    const known = this.mounts.get(report.id);
    if (report.kind === 'mounting') this.mounts.set(report.id, this.announced(report));
    if (known === undefined) return;
    if (report.kind === 'mounted') known.mountId = report.mountId;
    if (report.kind === 'answered') {
      known.isAnswered = true;
      closePlace(known);
    }
    if (report.kind === 'gone') this.forget(report.id, known);
  }

  /**
   * Detaches the mounts of a server process that has died, and forgets them.
   * @param which all of them, or those of which the callers have no answer
   */
  async detach(which: 'all' | 'unanswered'): Promise<void> {
    for (const [id, mount] of [...this.mounts]) {
      try {
        if (which === 'all' || !mount.isAnswered) await this.detachOne(mount);
      } catch (error) {
        this.log(asMountError(error, `serve: ${printable(mount.mountpoint)}`).message);
      }
      this.forget(id, mount);
    }
  }

  private announced({ pid, mountpoint, covered, mountNamespace }: Announcement): KnownMount {
    const isInOwnNamespace = mountNamespace === this.ownNamespace;
    const place = placeOf(pid, isInOwnNamespace ? undefined : mountNamespace);
    return { mountpoint, covered, isInOwnNamespace, place, mountId: undefined, isAnswered: false };
  }

  /**
   * Detaches the mount, if it exists. If the server process has not reported the id, perhaps the mount does
   * not exist, and another program has mounted there. So a mount without a known id is detached only if it is
   * dead, and only if the caller still exists, or the mount is in the mount namespace of this process.
   */
  private async detachOne(mount: KnownMount): Promise<void> {
    const { place, isInOwnNamespace, mountId } = mount;
    if (mountId === undefined && !(await isDead(pathFromHere(mount)))) return;
    if (place !== undefined && (!isInOwnNamespace || mountId === undefined)) {
      this.home ??= ThreadHome.make();
      this.home.enter(place, () => detachIfOurs(mount));
    } else if (isInOwnNamespace) detachIfOurs(mount);
  }

  private forget(id: number, mount: KnownMount): void {
    closePlace(mount);
    this.mounts.delete(id);
  }
}

/**
 * Detaches the mount, unless another one is on its mountpoint. A known id is found also if the caller has
 * another root, where the mountpoint has another path.
 */
function detachIfOurs({ mountpoint, covered, mountId }: KnownMount): void {
  const mounts = readMountinfo();
  const visible = mountedOn(mountpoint, mounts);
  const isUnreported = visible !== undefined && visible.id !== covered && isFuse(visible);
  const ours = mountId === undefined ? isUnreported && visible : mounts.find(({ id }) => id === mountId);
  if (!ours || mountedOn(ours.mountpoint, mounts) !== ours) return;
  unmount(ours.mountpoint, { lazy: true });
}

/** A path by which this process reaches the mountpoint, whatever root and mount namespace the caller has. */
function pathFromHere({ place, mountpoint }: KnownMount): string {
  return place === undefined ? mountpoint : `/proc/self/fd/${place.root}${mountpoint}`;
}

function isFuse({ type }: MountEntry): boolean {
  return type === 'fuse' || type.startsWith('fuse.');
}

/** Whether the server of the file system on `path` has ended. */
async function isDead(path: string): Promise<boolean> {
  const asked = statfs(Buffer.from(path, 'latin1')).then(
    () => false,
    (error: unknown) => errnoOf(error) === Errno.ENOTCONN,
  );
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ANSWER_MS);
  });
  const answer = await Promise.race([asked, late]);
  clearTimeout(timer);
  return answer;
}

/**
 * Opens the root and the mount namespace of a process. Undefined: they cannot be opened.
 * @param namespace the mount namespace that the caller had, if it is not that of this process
 */
function placeOf(pid: number, namespace: string | undefined): CallerPlace | undefined {
  const opened: number[] = [];
  try {
    const root = openSync(`/proc/${pid}/root`, O_PATH | constants.O_DIRECTORY);
    opened.push(root);
    let mountNamespace: number | undefined;
    if (namespace !== undefined) {
      mountNamespace = openSync(`/proc/${pid}/ns/mnt`, constants.O_RDONLY);
      opened.push(mountNamespace);
      if (readLink(`/proc/self/fd/${mountNamespace}`) !== namespace) throw new Error('another process has the pid');
    }
    // The mountpoint is absolute, so the working directory does not matter.
    return { cwd: root, root, mountNamespace, umask: 0 };
  } catch {
    // ENOENT, ESRCH: the caller has ended. EACCES: another process has its pid. EMFILE: too many mounts are
    // made at once; if the server dies now, this one is found only if it is in the service's own mount
    // namespace.
    for (const fd of opened) closeSync(fd);
    return undefined;
  }
}

function closePlace(mount: KnownMount): void {
  const { place } = mount;
  mount.place = undefined;
  for (const fd of [place?.root, place?.mountNamespace]) if (fd !== undefined) closeSync(fd);
}
