import { Errno } from '../../core/errno.js';
import { MountError } from '../../server/config/mount-error.js';
import type { MountSettings } from './mount-settings.js';

/** Decides which paths of a command line can be resolved. */
export class PathRule {
  /** @param rule `allowsRelative` is false if the caller's working directory has been removed */
  constructor(private readonly rule: { readonly allowsRelative: boolean }) {}

  /**
   * @param paths by the name of the option or argument; undefined: not given
   * @throws {@link MountError} for the first relative path, if the working directory has been removed
   */
  check(paths: Readonly<Record<string, string | readonly string[] | undefined>>): void {
    if (this.rule.allowsRelative) return;
    for (const [what, given] of Object.entries(paths)) {
      const where = [given ?? []].flat().find((path) => !path.startsWith('/'));
      if (where === undefined) continue;
      throw MountError.of({
        what,
        where,
        why: 'the working directory, where this path would start, has been removed',
        errno: Errno.ENOENT,
        advice: 'give an absolute path, or change to another directory',
      });
    }
  }

  /** Checks all paths of a mount. */
  checkMount({ config, logFile }: MountSettings): void {
    const { mountpoint, lowers, upper, work } = config;
    this.check({ mountpoint, lowerdir: lowers, upperdir: upper, workdir: work, log: logFile });
  }
}
