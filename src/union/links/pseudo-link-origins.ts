import type { FileStat } from '../../core/file-stat.js';
import { statFs } from '../../sys/files/stat.js';
import type { Layer } from '../layers/layer.js';
import type { InodeNumbers } from '../nodes/inode-numbers.js';

const ORIGIN = /^([^:]+):(\d+):/;

/**
 * Says of a lower file what tells it from every other, also over mounts: its file system, its inode number,
 * and, because a number is given out again when a file is gone, when the inode last changed. A layer that is
 * not written to keeps it.
 */
export class PseudoLinkOrigins {
  private readonly layers: readonly { readonly layer: Layer; readonly fsid: string }[];

  constructor(lowers: readonly Layer[]) {
    this.layers = lowers.map((layer) => ({ layer, fsid: statFs(layer.root.fd).fsid }));
  }

  of({ devMajor, devMinor, ino, ctimeSec, ctimeNsec, size }: FileStat): string {
    const found = this.layers.find(({ layer }) => layer.devMajor === devMajor && layer.devMinor === devMinor);
    return `${found?.fsid ?? ''}:${ino}:${ctimeSec}.${ctimeNsec}:${size}`;
  }

  /** The number that the file of `origin` shows in this union; null: it is not of these layers. */
  shownNumber(origin: string, numbers: InodeNumbers): number | null {
    const [, fsid, ino] = ORIGIN.exec(origin) ?? [];
    const found = this.layers.find((one) => one.fsid === fsid)?.layer;
    if (found === undefined) return null;
    const shown = numbers.own(found.devMajor, found.devMinor, Number(ino));
    return numbers.isStable(shown) ? shown : null;
  }
}
