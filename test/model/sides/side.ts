/** One of the two trees of a script, and the files that its actors keep open. */
import * as sys from '../../harness/sys/index.js';
import type { Actor } from '../script/actors.js';
import type { DirectoryReader } from './directory-reader.js';
import type { HeldMapping } from './held-mapping.js';

export interface OpenFile {
  readonly fd: number;
  /**
   * The content at an open for reading of a regular file: the kernel's overlayfs can keep showing it to the
   * reader.
   */
  readonly found: string | null;
}

/** The objects that actors keep, one for each actor and slot. */
class Slots<T> {
  private readonly held = new Map<string, { readonly actor: Actor; readonly slot: number; readonly held: T }>();
  constructor(private readonly release: (held: T) => void) {}
  get(actor: Actor, slot: number): T | undefined {
    return this.held.get(`${actor} ${slot}`)?.held;
  }
  /** Replaces and closes the object in the slot. */
  put(actor: Actor, slot: number, held: T): void {
    this.drop(actor, slot);
    this.held.set(`${actor} ${slot}`, { actor, slot, held });
  }
  drop(actor: Actor, slot: number): void {
    const before = this.get(actor, slot);
    this.held.delete(`${actor} ${slot}`);
    if (before !== undefined) this.release(before);
  }
  entries(): (readonly [Actor, number, T])[] {
    return [...this.held.values()].map(({ actor, slot, held }) => [actor, slot, held] as const);
  }
  all(): T[] {
    return this.entries().map(([, , held]) => held);
  }
  clear(): void {
    for (const [actor, slot] of this.entries()) this.drop(actor, slot);
  }
}

export class Side {
  readonly files = new Slots<OpenFile>(({ fd }) => sys.close(fd));
  readonly directories = new Slots<DirectoryReader>((reader) => reader.close());
  readonly sockets = new Slots<number>((fd) => sys.close(fd));
  readonly mappings = new Slots<HeldMapping>((mapping) => mapping.close());

  constructor(readonly mountpoint: string) {}

  at(path: string): string {
    return path === '.' ? this.mountpoint : `${this.mountpoint}/${path}`;
  }

  closeAll(): void {
    this.mappings.clear();
    this.directories.clear();
    this.files.clear();
    this.sockets.clear();
  }
}
