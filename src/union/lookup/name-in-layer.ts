/** The state of a name in one real directory, whiteout files beside the name included. */
import type { EntryName } from '../../core/brand.js';
import type { FileStat } from '../../core/file-stat.js';
import type { NameInLayer } from '../../whiteout/dialect.js';
import type { DirectoryFds } from '../layers/directory-fds.js';
import type { RealDirectory } from '../layers/layer.js';
import type { Union } from '../state/union.js';

/**
 * Whether the real directory `home` contains `name`, a whiteout of it, or neither. Stores the stat of the
 * object in `into`. Unlike {@link LayerReader.probe}, this function also looks for a whiteout file beside the
 * name.
 * @param isLast whether this is the last layer that can contain the name. A whiteout file would hide nothing
 * there, so the function does not look for one
 */
export function nameInLayer(
  union: Union,
  home: RealDirectory,
  name: EntryName,
  into: FileStat,
  isLast: boolean,
): NameInLayer {
  const { reader } = home.layer;
  const dirfd = union.fds.get(home);
  const presence = reader.probe(dirfd, name, into);
  if (presence !== 'absent' || isLast || reader.markerFiles === null) return presence;
  return reader.markerFiles.hides(dirfd, name, home) ? 'whiteout' : 'absent';
}

/** Whether a whiteout file beside or in the directory `name` of `home` hides the directories below it. */
export function isOpaqueByFile(fds: DirectoryFds, home: RealDirectory, name: EntryName): boolean {
  const { markerFiles } = home.layer.reader;
  if (markerFiles === null) return false;
  const dirfd = fds.get(home);
  return markerFiles.hides(dirfd, name, home) || markerFiles.hasOpaqueMarker(dirfd, name);
}
