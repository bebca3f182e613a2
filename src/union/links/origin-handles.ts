/**
 * Finds lower files by their file handles. A copy-up records the handle of its source. With the handle, the
 * server finds the source again, even if its name has changed (fs/overlayfs/namei.c:ovl_check_origin_fh).
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
  /** The root of one of its layers. */
  readonly fd: number;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly uuid: Uint8Array;
  /**
   * The UUID identifies this file system among those of the layers. It does for the file system of the upper.
   * Another one must have a UUID (unless `toleratesNull`) that no other one has.
   */
  hasUsableUuid: boolean;
}

const NO_UUID = new Uint8Array(16);

export class OriginHandles {
  private readonly systems: LowerFileSystem[] = [];
  /** False after the kernel has refused it with EPERM. */
  private canOpenByHandle = true;

  /** Copies record their origin without the UUID of its file system, because all layers are on one. */
  private readonly omitsUuid: boolean;

  /**
   * @param toleratesNull whether a lower file system without a UUID is accepted
   * (fs/overlayfs/super.c:ovl_lower_uuid_ok)
   * @param ignoresUuid `uuid=off`: if all layers are on one file system, copies do not record its UUID, so
   * that they remain valid if its UUID changes
   */
  constructor(
    lowers: readonly Layer[],
    upper: Layer,
    private readonly marks: OriginMarks,
    { toleratesNull, ignoresUuid }: { readonly toleratesNull: boolean; readonly ignoresUuid: boolean },
  ) {
    this.omitsUuid = ignoresUuid && lowers.every((lower) => isSame(lower, upper));
    for (const { root, devMajor, devMinor } of lowers) {
      if (this.systemOf(devMajor, devMinor) !== undefined) continue;
      const uuid = this.uuidOf(root.fd);
      const isOfUpper = devMajor === upper.devMajor && devMinor === upper.devMinor;
      const twin = this.systems.find((other) => isEqual(other.uuid, uuid));
      const hasUsableUuid = isOfUpper || (twin === undefined && (toleratesNull || uuid.some((byte) => byte !== 0)));
      // If two file systems have the same UUID and one is that of the upper, the UUID identifies that of the
      // upper.
      if (twin !== undefined && !isSame(twin, upper)) twin.hasUsableUuid = false;
      this.systems.push({ fd: root.fd, devMajor, devMinor, uuid, hasUsableUuid });
    }
  }

  private uuidOf(fd: number): Uint8Array {
    return this.omitsUuid ? NO_UUID : fsUuid(fd);
  }

  private systemOf(devMajor: number, devMinor: number): LowerFileSystem | undefined {
    return this.systems.find((one) => one.devMajor === devMajor && one.devMinor === devMinor);
  }

  /** The origin that a copy of the lower object `name` under `dirfd` records. */
  originOf(layer: Layer, dirfd: number, name: EntryName): Uint8Array {
    const system = this.systemOf(layer.devMajor, layer.devMinor);
    const handle = fileHandle(dirfd, name);
    return this.marks.encode(handle === null || system === undefined ? null : { uuid: system.uuid, handle });
  }

  /**
   * Finds the file that `origin` names, and stats it.
   * @returns `unknown` if the file does not exist, is not of these layers, or `origin` names none;
   * `not permitted` if the server lacks CAP_DAC_READ_SEARCH, and so cannot open files by handle. Then
   * {@link isOrigin} helps.
   */
  find(origin: Uint8Array, into: FileStat): 'found' | 'unknown' | 'not permitted' {
    const file = this.marks.decode(origin);
    if (file === null) return 'unknown';
    for (const system of this.systems) {
      if (!system.hasUsableUuid || !isEqual(system.uuid, file.uuid)) continue;
      if (!this.canOpenByHandle) return 'not permitted';
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
        this.canOpenByHandle = false;
        return 'not permitted';
      }
      // ESTALE: the inode does not exist any more. EINVAL: the handle is not valid on any file system.
      if (fd !== -Errno.ESTALE && fd !== -Errno.EINVAL) throw fsError(-fd, 'open_by_handle_at');
    }
    return 'unknown';
  }

  /** Whether the kernel has refused to open files by handle, so that {@link find} returns `not permitted`. */
  get lacksPermission(): boolean {
    return !this.canOpenByHandle;
  }

  /** Identifies the root of a layer; null: its file system has no handles. */
  identify({ root }: Layer): FileIdentity | null {
    const handle = fileHandle(root.fd, '');
    return handle === null ? null : { uuid: this.uuidOf(root.fd), handle };
  }

  /** The reason why lower files cannot be found by their handles, for the log; null: they can. */
  obstacle(): string | null {
    for (const { fd, hasUsableUuid } of this.systems) {
      const handle = fileHandle(fd, '');
      if (handle === null) return 'the file system of a lower has no file handles';
      if (!hasUsableUuid) return 'the file system of a lower has no UUID, or the same as another';
      const opened = tryOpenByHandle(fd, handle, O_PATH);
      if (opened === -Errno.EPERM) return 'finding files by their handles needs CAP_DAC_READ_SEARCH';
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
