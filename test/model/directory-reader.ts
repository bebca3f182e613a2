/**
 * A directory that is read piece by piece while the script goes on. The order of a listing is a file system's
 * own affair, so that what two of them return cannot be compared; what a reader must see can: each name that
 * is there all along once, and no name that never was (readdir(3p)).
 */
import * as sys from '../harness/sys/index.js';

const AS_IT_MUST = 'as it must';

interface Seen {
  readonly name: string;
  /** The position after it. */
  readonly offset: bigint;
}

export class DirectoryReader {
  readonly #fd: number;
  /** Names that were there at the last start from the beginning and have not been touched since. */
  #stable = new Set<string>();
  /** Names that came, went or moved meanwhile, anywhere: a reader may see them or not. */
  #touched = new Set<string>();
  #seen: Seen[] = [];

  constructor(path: string) {
    this.#fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NONBLOCK);
    this.rewind();
  }

  rewind(): void {
    this.#seen = [];
    this.#touched = new Set();
    this.#stable = new Set(this.#names());
    sys.lseek(this.#fd, 0, sys.SEEK_SET);
  }

  /** Goes back to where `count` names had been read, or fewer. */
  back(count: number): void {
    const kept = this.#seen.slice(0, count);
    const position = kept.at(-1)?.offset;
    if (position === undefined) {
      this.rewind();
      return;
    }
    this.#seen = kept;
    sys.lseek(this.#fd, position, sys.SEEK_SET);
  }

  touch(names: readonly string[]): void {
    for (const name of names) {
      this.#touched.add(name);
      this.#stable.delete(name);
    }
  }

  /** Every name may have changed. */
  touchAll(): void {
    this.touch([...this.#stable]);
  }

  /** Reads on; what it says is the same on every file system that keeps the rules. */
  read(bytes: number): string {
    return this.#check(sys.getdents(this.#fd, bytes));
  }

  /** Reads to the end. */
  finish(): string {
    for (;;) {
      const entries = sys.getdents(this.#fd, 1024);
      if (entries.length === 0) break;
      const problem = this.#check(entries);
      if (problem !== AS_IT_MUST) return problem;
    }
    const seen = new Set(this.#seen.map(({ name }) => name));
    const missed = [...this.#stable].filter((name) => !seen.has(name));
    return missed.length === 0 ? AS_IT_MUST : `missed ${JSON.stringify(missed)}`;
  }

  close(): void {
    sys.close(this.#fd);
  }

  #check(entries: readonly sys.Dirent[]): string {
    for (const { name, offset } of entries) {
      if (name !== '.' && name !== '..') {
        const touched = this.#touched.has(name);
        if (!touched && !this.#stable.has(name)) return `saw ${JSON.stringify(name)}, which was never there`;
        if (!touched && this.#seen.some((seen) => seen.name === name)) return `saw ${JSON.stringify(name)} twice`;
      }
      this.#seen.push({ name, offset });
    }
    return AS_IT_MUST;
  }

  #names(): string[] {
    sys.lseek(this.#fd, 0, sys.SEEK_SET);
    return sys
      .getdentsToEnd(this.#fd)
      .map(({ name }) => name)
      .filter((name) => name !== '.' && name !== '..');
  }
}
