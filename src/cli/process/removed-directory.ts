/** The case that the working directory has been removed: only absolute paths can be resolved then. */
import { Errno } from '../../core/errno.js';
import { errnoOf, MountError } from '../../server/config/mount-error.js';

/**
 * Changes to `/` if the working directory has been removed. Otherwise each new thread of Node would ask for
 * the working directory, and end the process with a stack trace. {@link PathRule.check} then refuses relative
 * paths, because they would start at `/`.
 */
export function leaveRemovedDirectory(): PathRule {
  try {
    process.cwd();
    return new PathRule({ allowsRelative: true });
  } catch (error) {
    if (errnoOf(error) !== Errno.ENOENT) throw error;
    process.chdir('/');
    return new PathRule({ allowsRelative: false });
  }
}

/** Decides which paths of the command line can be resolved. */
export class PathRule {
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
}
