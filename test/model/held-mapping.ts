/** A mapping that is kept while the script goes on. */
import * as sys from '../harness/sys/index.js';

const PAGE = 4096;

export class HeldMapping {
  readonly #mapping: sys.Mapping;
  /** Of its own, to know how long the file is: touching what lies beyond its end is SIGBUS. */
  readonly fd: number;
  readonly #bound: number;

  /**
   * @param found what the open for reading found; a mapping that the kernel's overlayfs leaves with the lower
   * file shows that for good, and is as long as that
   */
  constructor(
    fd: number,
    readonly writable: boolean,
    readonly found: string | null,
  ) {
    const size = sys.statOne(fd, 'size');
    this.#bound = Math.min(size, found?.length ?? size);
    this.#mapping = new sys.Mapping(fd, Math.max(PAGE, size), { writable });
    this.fd = sys.duplicate(fd);
  }

  /** How many bytes can be touched. */
  get length(): number {
    return Math.min(this.#bound, sys.statOne(this.fd, 'size'));
  }

  read(): string {
    const { length } = this;
    return length === 0 ? '' : this.#mapping.read(0, length);
  }

  /** What the file has, read through a descriptor as old as the mapping. */
  readFile(): string {
    const { length } = this;
    return length === 0 ? '' : sys.pread(this.fd, length, 0).toString('latin1');
  }

  /** Returns whether there was room for it. */
  write(offset: number, text: string): boolean {
    if (offset + text.length > this.length) return false;
    this.#mapping.write(offset, text);
    return true;
  }

  sync(): void {
    this.#mapping.sync();
  }

  close(): void {
    this.#mapping.unmap();
    sys.close(this.fd);
  }
}
