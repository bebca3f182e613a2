/** Mapped files. */
import { allocate, bind, check } from './call.js';

const mmapCall = bind<
  (at: number, size: number, protection: number, flags: number, fd: number, offset: number) => number
>('intptr_t mmap64(intptr_t, size_t, int, int, int, int64_t)');
const munmapCall = bind<(at: number, size: number) => number>('int munmap(intptr_t, size_t)');
const msyncCall = bind<(at: number, size: number, flags: number) => number>('int msync(intptr_t, size_t, int)');
const memcpyCall = bind<(to: number, from: number, size: number) => number>(
  'intptr_t memcpy(intptr_t, intptr_t, size_t)',
);

const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MS_SYNC = 4;

/**
 * A mapping of the first bytes of a file. An access beyond the end of the file raises SIGBUS, so callers stay
 * inside.
 */
export class Mapping {
  private readonly at: number;
  constructor(
    fd: number,
    readonly size: number,
    { writable = false, shared = true } = {},
  ) {
    const protection = PROT_READ | (writable ? PROT_WRITE : 0);
    this.at = check(mmapCall(0, size, protection, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0), 'mmap', fd);
  }
  read(offset: number, size: number): string {
    const { buffer, address } = allocate(size);
    memcpyCall(address, this.at + offset, size);
    return buffer.toString('latin1');
  }
  write(offset: number, text: string): void {
    const { buffer, address } = allocate(text.length);
    buffer.write(text, 'latin1');
    memcpyCall(this.at + offset, address, text.length);
  }
  sync(): void {
    check(msyncCall(this.at, this.size, MS_SYNC), 'msync', this.size);
  }
  unmap(): void {
    check(munmapCall(this.at, this.size), 'munmap', this.size);
  }
}
