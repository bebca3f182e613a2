/** A mapping that an actor keeps while the script continues. */
import * as sys from '../../harness/sys/index.js';

const PAGE = 4096;

export class HeldMapping {
  private readonly mapping: sys.Mapping;
  /** A descriptor of the mapping, for the length of the file: an access beyond its end raises SIGBUS. */
  readonly fd: number;
  private readonly bound: number;

  /**
   * @param found the content at the open for reading. The kernel's overlayfs can leave a mapping on the lower
   * file; then the mapping always shows this content and has its length
   */
  constructor(
    fd: number,
    readonly writable: boolean,
    readonly found: string | null,
  ) {
    const size = sys.statOne(fd, 'size');
    this.bound = Math.min(size, found?.length ?? size);
    this.mapping = new sys.Mapping(fd, Math.max(PAGE, size), { writable });
    this.fd = sys.duplicate(fd);
  }

  /** The number of accessible bytes. */
  get length(): number {
    return Math.min(this.bound, sys.statOne(this.fd, 'size'));
  }

  read(): string {
    const { length } = this;
    return length === 0 ? '' : this.mapping.read(0, length);
  }

  /** Reads the file through a descriptor as old as the mapping. */
  readFile(): string {
    const { length } = this;
    return length === 0 ? '' : sys.pread(this.fd, length, 0).toString('latin1');
  }

  /** Writes, if the mapping is large enough. Returns whether it was. */
  write(offset: number, text: string): boolean {
    if (offset + text.length > this.length) return false;
    this.mapping.write(offset, text);
    return true;
  }

  sync(): void {
    this.mapping.sync();
  }

  close(): void {
    this.mapping.unmap();
    sys.close(this.fd);
  }
}
