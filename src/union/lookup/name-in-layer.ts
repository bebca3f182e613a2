/** What one directory of a lower layer says of a name, with whiteouts that lie beside it. */
import type { EntryName } from '../../core/brand.js';
import type { FileStat } from '../../core/file-stat.js';
import type { NameInLayer } from '../../whiteout/dialect.js';
import type { RealDirectory } from '../layers/layer.js';
import type { Union } from '../state/union.js';

/**
 * As {@link LayerReader.probe}.
 * @param isLast nothing that a whiteout could hide lies below: then it makes no difference, and is not looked
 * for
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

/** Whether a file beside or in the directory `name` of `home` ends its stack here. */
export function isOpaqueByFile(union: Union, home: RealDirectory, name: EntryName): boolean {
  const { markerFiles } = home.layer.reader;
  if (markerFiles === null) return false;
  const dirfd = union.fds.get(home);
  return markerFiles.hides(dirfd, name, home) || markerFiles.hasOpaqueMarker(dirfd, name);
}
