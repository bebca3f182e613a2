/** The case that the working directory has been removed: only absolute paths can be resolved then. */
import { Errno } from '../../core/errno.js';
import { errnoOf } from '../../server/config/mount-error.js';
import { PathRule } from '../../service/order/path-rule.js';

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
