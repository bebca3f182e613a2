import { close } from '../sys/open.js';
import { markInUse } from '../sys/use-mark.js';
import type { UpperMount } from './upper-mount.js';

/**
 * Says of the upper and the work directory, as long as the union lives, that they are in use: another mount with `index=on` must not have
 * them, or what is inside of them, among its layers (fs/overlayfs/super.c:ovl_inuse_trylock).
 */
export class UseMarks {
  private readonly fds: number[] = [];

  /** @param hasWork the work directory is beside the upper */
  constructor(mount: UpperMount, hasWork: boolean) {
    try {
      this.mark(mount.openUpper().fd);
      if (hasWork) this.mark(mount.openWork());
    } catch (error) {
      this.close();
      throw error;
    }
  }

  private mark(fd: number): void {
    this.fds.push(fd);
    markInUse(fd);
  }

  close(): void {
    for (const fd of this.fds.splice(0)) close(fd);
  }
}
