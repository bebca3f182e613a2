import type { FileStat } from '../../core/file-stat.js';
import { statFs } from '../../sys/files/stat.js';
import type { Layer } from '../layers/layer.js';
import type { InodeNumbers } from '../nodes/inode-numbers.js';

const ORIGIN = /^([^:]+):(\d+):/;

/**
 * Identifies lower files, also for later mounts: by file system, inode number, ctime and size. A file system
 * reuses the inode number of a removed file, but the new file has another ctime. The origin of a file does
 * not change as long as nothing writes to the layer.
 */
export class PseudoLinkOrigins {
  private readonly layers: readonly { readonly layer: Layer; readonly fsid: string }[];

  constructor(lowers: readonly Layer[]) {
    this.layers = lowers.map((layer) => ({ layer, fsid: statFs(layer.root.fd).fsid }));
  }

  /** The origin of the lower file with this real stat. */
  of({ devMajor, devMinor, ino, ctimeSec, ctimeNsec, size }: FileStat): string {
    const found = this.layers.find(({ layer }) => layer.devMajor === devMajor && layer.devMinor === devMinor);
    return `${found?.fsid ?? ''}:${ino}:${ctimeSec}.${ctimeNsec}:${size}`;
  }

  /** The number that the file of `origin` has in this union; null: it is not of these layers. */
  shownNumber(origin: string, numbers: InodeNumbers): number | null {
    const [, fsid, ino] = ORIGIN.exec(origin) ?? [];
    const found = this.layers.find((one) => one.fsid === fsid)?.layer;
    if (found === undefined) return null;
    const shown = numbers.own(found.devMajor, found.devMinor, Number(ino));
    return numbers.isStable(shown) ? shown : null;
  }
}
