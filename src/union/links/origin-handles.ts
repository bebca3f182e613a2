/**
 * Lower files by their handles: what a copy-up writes down of its source, and how the source of a copy is
 * found again, under whatever name it has there (fs/overlayfs/namei.c:ovl_check_origin_fh).
 */
import type { EntryName } from '../../core/brand.js';
import { Errno, fsError } from '../../core/errno.js';
import type { FileStat } from '../../core/file-stat.js';
import { O_PATH } from '../../core/flags.js';
import { fileHandle, fsUuid, tryOpenByHandle } from '../../sys/files/file-handle.js';
import { close } from '../../sys/files/open.js';
import { statFd } from '../../sys/files/stat.js';
import type { FileIdentity, OriginMarks } from '../../whiteout/dialect.js';
import type { Layer } from '../layers/layer.js';

/** One file system with lower layers. */
interface LowerFileSystem {
  /** Root of one of its layers. */
  readonly fd: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly uuid: Uint8Array;
  /** Its UUID tells it from the others. */
  unique: boolean;
}

const NO_UUID = new Uint8Array(16);

export class OriginHandles {
  private readonly systems: LowerFileSystem[] = [];
  private mayOpen = true;

  /** Copies do not say on which file system their origin is, because all layers are on one. */
  private readonly unnamed: boolean;

  /**
   * @param toleratesNull a lower file system may be without a UUID (fs/overlayfs/super.c:ovl_lower_uuid_ok)
   * @param ignoresUuid `uuid=off`: what is on one file system need not name it, so that it can be given
   * another UUID
   */
  constructor(
    lowers: readonly Layer[],
    upper: Layer,
    private readonly marks: OriginMarks,
    { toleratesNull, ignoresUuid }: { readonly toleratesNull: boolean; readonly ignoresUuid: boolean },
  ) {
    this.unnamed = ignoresUuid && lowers.every((lower) => isSame(lower, upper));
    for (const { root, devMajor, devMinor } of lowers) {
      if (this.of(devMajor, devMinor) !== undefined) continue;
      const uuid = this.uuidOf(root.fd);
      const ofUpper = devMajor === upper.devMajor && devMinor === upper.devMinor;
      const twin = this.systems.find((other) => isEqual(other.uuid, uuid));
      const unique = ofUpper || (twin === undefined && (toleratesNull || uuid.some((byte) => byte !== 0)));
      // What has the upper's file system is that, whoever else has its UUID.
      if (twin !== undefined && !isSame(twin, upper)) twin.unique = false;
      this.systems.push({ fd: root.fd, devMajor, devMinor, uuid, unique });
    }
  }

  private uuidOf(fd: number): Uint8Array {
    return this.unnamed ? NO_UUID : fsUuid(fd);
  }

  private of(devMajor: number, devMinor: number): LowerFileSystem | undefined {
    return this.systems.find((one) => one.devMajor === devMajor && one.devMinor === devMinor);
  }

  /** What a copy of the lower object `name` under `dirfd` says that it is a copy of. */
  originOf(layer: Layer, dirfd: number, name: EntryName): Uint8Array {
    const system = this.of(layer.devMajor, layer.devMinor);
    const handle = fileHandle(dirfd, name);
    return this.marks.encode(handle === null || system === undefined ? null : { uuid: system.uuid, handle });
  }

  /**
   * Finds the file that `origin` names, and stats it. `unknown`: it is gone, or not of these layers, or that
   * is not said. `barred`: files cannot be found in this way, which takes CAP_DAC_READ_SEARCH; see
   * {@link isOrigin}.
   */
  find(origin: Uint8Array, into: FileStat): 'found' | 'unknown' | 'barred' {
    const file = this.marks.decode(origin);
    if (file === null) return 'unknown';
    for (const system of this.systems) {
      if (!system.unique || !isEqual(system.uuid, file.uuid)) continue;
      if (!this.mayOpen) return 'barred';
      const fd = tryOpenByHandle(system.fd, file.handle, O_PATH);
      if (fd >= 0) {
        try {
          statFd(fd, into);
          return 'found';
        } finally {
          close(fd);
        }
      }
      if (fd === -Errno.EPERM) {
        this.mayOpen = false;
        return 'barred';
      }
      // ESTALE: there is no such inode any more. EINVAL: never was one, on any file system.
      if (fd !== -Errno.ESTALE && fd !== -Errno.EINVAL) throw fsError(-fd, 'open_by_handle_at');
    }
    return 'unknown';
  }

  /** Whether {@link find} always returns `barred`, because the server cannot open files by handle. */
  get isBarred(): boolean {
    return !this.mayOpen;
  }

  /** What tells the root of a layer from every other; null: its file system has no handles. */
  identify({ root }: Layer): FileIdentity | null {
    const handle = fileHandle(root.fd, '');
    return handle === null ? null : { uuid: this.uuidOf(root.fd), handle };
  }

  /** Why not every lower file can be found again; null: it can. */
  obstacle(): string | null {
    for (const { fd, unique } of this.systems) {
      const handle = fileHandle(fd, '');
      if (handle === null) return 'the file system of a lower has no file handles';
      if (!unique) return 'the file system of a lower has no UUID, or that of another';
      const opened = tryOpenByHandle(fd, handle, O_PATH);
      if (opened === -Errno.EPERM) return 'finding files by their handles takes CAP_DAC_READ_SEARCH';
      if (opened < 0) throw fsError(-opened, 'open_by_handle_at');
      close(opened);
    }
    return null;
  }

  /** Whether the lower object `name` under `dirfd` is the one that `origin` names. */
  isOrigin(origin: Uint8Array, layer: Layer, dirfd: number, name: EntryName): boolean {
    return origin.length > 0 && isEqual(this.originOf(layer, dirfd, name), origin);
  }
}

function isSame(system: Pick<Layer, 'devMajor' | 'devMinor'>, layer: Layer): boolean {
  return system.devMajor === layer.devMajor && system.devMinor === layer.devMinor;
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}
