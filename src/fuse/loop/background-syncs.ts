/** Syncs of files that the kernel does for one session, while the thread serves the others. */
import { FsError } from '../../core/errno.js';
import { FileSyncs } from '../../sys/waiting/file-syncs.js';
import type { Session } from '../serve/session.js';

/** A sync that is under way. */
interface StartedSync {
  readonly session: Session;
  readonly done: (errno: number) => void;
}

/** A sync that has ended. */
export interface EndedSync extends StartedSync {
  readonly errno: number;
}

export class BackgroundSyncs {
  /** Null: there was no sync yet, or the kernel has no asynchronous I/O. */
  private syncs: FileSyncs | null = null;
  /** By the key of the sync. */
  private readonly started = new Map<number, StartedSync>();
  private nextKey = 1;

  /** @param watch called once, before the first sync, with the fd at which syncs that have ended are seen */
  constructor(private readonly watch: (doneFd: number) => void) {}

  /** Begins to sync `fd` for a session. Returns false if that is not possible. */
  start(session: Session, fd: number, datasync: boolean, done: (errno: number) => void): boolean {
    const key = this.nextKey++;
    if (!this.open()?.start(fd, datasync, key)) return false;
    this.started.set(key, { session, done });
    return true;
  }

  /** Returns the syncs that have ended since the last call. Their sessions can have ended, too. */
  takeFinished(): EndedSync[] {
    return (this.syncs?.takeFinished() ?? []).flatMap(({ key, errno }) => {
      const sync = this.started.get(key);
      this.started.delete(key);
      return sync === undefined ? [] : [{ ...sync, errno }];
    });
  }

  /** Waits for the syncs that are under way. */
  close(): void {
    this.syncs?.close();
    this.syncs = null;
  }

  /** Most threads never need it, so it is opened by the first sync. */
  private open(): FileSyncs | null {
    if (this.syncs !== null) return this.syncs;
    let opened: FileSyncs | null = null;
    try {
      opened = new FileSyncs();
      this.watch(opened.doneFd);
      this.syncs = opened;
    } catch (error) {
      // Any errno: without asynchronous I/O the thread waits for the disk itself.
      if (!(error instanceof FsError)) throw error;
      opened?.close();
    }
    return this.syncs;
  }
}
