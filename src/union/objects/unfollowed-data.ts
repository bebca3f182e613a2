/** Metacopies on a mount with metacopy=off, which does not look for their data in other layers. */
import type { EntryName } from '../../core/brand.js';
import { displayName } from '../../core/entry-name.js';
import { Errno, fsError } from '../../core/errno.js';
import type { Layer } from '../layers/layer.js';
import type { FileNode } from '../nodes/node.js';
import type { LayerStack } from '../state/layer-stack.js';
import type { Union } from '../state/union.js';
import { refOf } from './real-object.js';

/**
 * Whether the regular file `name` under `dirfd` is a metacopy whose data the mount does not look for; for
 * `''`, the file `dirfd` itself. This is asked when the data is needed. The kernel asks at each lookup; here
 * that would be one more system call for each file.
 */
export function lacksData(stack: LayerStack, layer: Layer, dirfd: number, name: string): boolean {
  return !stack.seeksData && stack.dialect.metacopies !== null && layer.reader.marks(dirfd, name).metacopy !== null;
}

/** Logs that a metacopy is not followed to its data, and throws EPERM. */
export function refuseUnfollowed(union: Union, name: EntryName, call: string): never {
  union.log(`${displayName(name)}: its data is in another layer; not followed (metacopy=off)`);
  throw fsError(Errno.EPERM, call);
}

/**
 * Throws EPERM for a metacopy of the upper whose data the mount does not look for, before it moves or changes
 * its size. It leads to its data by its place, or by a redirect that would have to be changed: at another
 * place the data would be lost for good. The data cannot be cut either: the kernel shows all of it, even if
 * the metacopy is smaller. An open file was checked when it was opened.
 */
export function refuseWithoutData(union: Union, node: FileNode, call: string): void {
  if (!node.isUpper || node.open !== null) return;
  const { dirfd, name } = refOf(union.fds, node);
  if (lacksData(union.stack, union.stack.writable().layer, dirfd, name)) refuseUnfollowed(union, node.name, call);
}
