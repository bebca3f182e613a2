/**
 * A directory that is read in pieces while the script continues. The order of a listing depends on the file
 * system, so that two listings cannot be compared. But a reader must see each name that exists all the time
 * exactly once, and no name that never existed (readdir(3p)).
 */
import * as sys from '../../harness/sys/index.js';

const AS_REQUIRED = 'as required';

interface Seen {
  readonly name: string;
  /** The position after the name. */
  readonly offset: bigint;
}

export class DirectoryReader {
  private readonly fd: number;
  /** Names that existed at the last rewind and have not been changed since. */
  private stable = new Set<string>();
  /** Names that were added, removed or renamed since, anywhere. A reader can see them or not. */
  private touched = new Set<string>();
  private seen: Seen[] = [];

  constructor(path: string) {
    this.fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY | sys.O_NONBLOCK);
    this.rewind();
  }

  rewind(): void {
    this.seen = [];
    this.touched = new Set();
    this.stable = new Set(this.names());
    sys.lseek(this.fd, 0, sys.SEEK_SET);
  }

  /** Seeks back to the position after `count` names or fewer. */
  back(count: number): void {
    const kept = this.seen.slice(0, count);
    const position = kept.at(-1)?.offset;
    if (position === undefined) {
      this.rewind();
      return;
    }
    this.seen = kept;
    sys.lseek(this.fd, position, sys.SEEK_SET);
  }

  touch(names: readonly string[]): void {
    for (const name of names) {
      this.touched.add(name);
      this.stable.delete(name);
    }
  }

  /** Records that every name can have changed. */
  touchAll(): void {
    this.touch([...this.stable]);
  }

  /** Reads the next piece. The result is the same on every file system that obeys the rules. */
  read(bytes: number): string {
    return this.check(sys.getdents(this.fd, bytes));
  }

  /** Reads to the end, and reports missing names. */
  finish(): string {
    for (;;) {
      const entries = sys.getdents(this.fd, 1024);
      if (entries.length === 0) break;
      const problem = this.check(entries);
      if (problem !== AS_REQUIRED) return problem;
    }
    const seen = new Set(this.seen.map(({ name }) => name));
    const missed = [...this.stable].filter((name) => !seen.has(name));
    return missed.length === 0 ? AS_REQUIRED : `missed ${JSON.stringify(missed)}`;
  }

  close(): void {
    sys.close(this.fd);
  }

  private check(entries: readonly sys.Dirent[]): string {
    for (const { name, offset } of entries) {
      if (name !== '.' && name !== '..') {
        const touched = this.touched.has(name);
        if (!touched && !this.stable.has(name)) return `saw ${JSON.stringify(name)}, which was never there`;
        if (!touched && this.seen.some((seen) => seen.name === name)) return `saw ${JSON.stringify(name)} twice`;
      }
      this.seen.push({ name, offset });
    }
    return AS_REQUIRED;
  }

  private names(): string[] {
    sys.lseek(this.fd, 0, sys.SEEK_SET);
    return sys
      .getdentsToEnd(this.fd)
      .map(({ name }) => name)
      .filter((name) => name !== '.' && name !== '..');
  }
}
