import type { EntryName, LayerPath } from '../core/brand.js';
import type { Layer } from './layer.js';

/**
 * A directory of one layer, known by its place rather than by an open fd: there can be more directories than fds.
 * {@link DirectoryFds} opens it on demand. An upper directory that is renamed keeps its object and changes its place.
 */
export class RealDirectory {
  /** Open fd, or -1. Owned by `DirectoryFds`, but for a layer's root. */
  fd = -1;
  /** The fd must stay: a layer's root, or a removed directory that cannot be opened again. */
  pinned = false;

  constructor(
    readonly layer: Layer,
    public parent: RealDirectory | null,
    public name: EntryName,
  ) {}

  /** Path from the layer's root. */
  get path(): LayerPath {
    const names: EntryName[] = [];
    for (let dir: RealDirectory = this; dir.parent !== null; dir = dir.parent) names.push(dir.name);
    return names.reverse().join('/') as LayerPath;
  }
}
