/** A small union in memory, on which a new thread exercises its code. */
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EntryName } from '../../core/brand.js';
import type { MountConfig } from '../../server/config/mount-config.js';

const { XDG_RUNTIME_DIR } = process.env;
/** Directories in memory. The first that can be written to has the tree. */
const MEMORY = ['/dev/shm', XDG_RUNTIME_DIR, '/run', tmpdir()];

/**
 * Fewer directories than a walk has for which the union starts a thread that reads ahead
 * (`union/prefetch/tree-prefetch.ts`).
 */
const DIRECTORIES = 6;
/** Small files of a directory in one layer. There is a large one too. */
const FILES = 20;
/** More than the server sends to the kernel before a READ (`STORE_LIMIT`). */
const LARGE_BYTES = 96 << 10;
const LOWERS = ['lower1', 'lower2'];

/** The names of the directories. */
export function directories(): EntryName[] {
  return Array.from({ length: DIRECTORIES }, (_, i) => `dir${i}` as EntryName);
}

/** The names of the files of a directory that is in both lower layers. */
export function lowerFiles(): EntryName[] {
  return LOWERS.flatMap((lower) => namesIn(lower));
}

/** How many files the union of the lower layers has. */
export function fileCount(): number {
  let count = 0;
  for (let i = 0; i < DIRECTORIES; i++) for (const lower of LOWERS) if (hasDirectory(lower, i)) count += FILES + 1;
  return count;
}

/**
 * Whether a round changes the directory, so that the upper has it from then on. Most directories of a mount
 * are in one layer only.
 */
export function changesDirectory(directory: EntryName): boolean {
  return Number(directory.slice('dir'.length)) % 3 === 0;
}

function hasDirectory(lower: string, i: number): boolean {
  return i % 3 !== 1 || lower === LOWERS[1];
}

function namesIn(lower: string): EntryName[] {
  return ['large', ...Array(FILES).keys()].map((name) => `${lower}-${name}` as EntryName);
}

export class WarmTree {
  private constructor(private readonly directory: string) {}

  /**
   * Makes two lower layers, an upper and a work directory. Throws Node's errors.
   */
  static make(): WarmTree {
    const tree = new WarmTree(makeDirectory());
    try {
      tree.fill();
      return tree;
    } catch (error) {
      tree.remove();
      throw error;
    }
  }

  /** `config` with the layers of this tree. */
  applyTo(config: MountConfig): MountConfig {
    return { ...config, lowers: LOWERS.map((name) => this.at(name)), ...this.upperAndWork() };
  }

  /** The layers as options of a mount. */
  get options(): string {
    const at = (name: string): string => this.at(name);
    return `lowerdir=${at('lower1')}:${at('lower2')},upperdir=${at('upper')},workdir=${at('work')}`;
  }

  /** An empty directory. */
  get mountpoint(): string {
    return this.at('mountpoint');
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }

  private upperAndWork(): { upper: string; work: string } {
    return { upper: this.at('upper'), work: this.at('work') };
  }

  private at(name: string): string {
    return join(this.directory, name);
  }

  private fill(): void {
    for (const name of ['upper', 'work', 'mountpoint']) mkdirSync(this.at(name));
    for (const lower of LOWERS) {
      for (let i = 0; i < DIRECTORIES; i++) {
        if (hasDirectory(lower, i)) this.fillDirectory(join(this.at(lower), `dir${i}`), lower);
      }
    }
  }

  private fillDirectory(path: string, lower: string): void {
    mkdirSync(path, { recursive: true });
    for (const name of namesIn(lower)) {
      writeFileSync(join(path, name), name.endsWith('large') ? Buffer.alloc(LARGE_BYTES) : 'content of a small file');
    }
  }
}

function makeDirectory(): string {
  let failure: unknown;
  for (const memory of MEMORY) {
    try {
      if (memory === undefined) continue;
      removeLeftovers(memory);
      return mkdtempSync(join(memory, `${prefix()}${process.pid}-`));
    } catch (error) {
      // ENOENT, EACCES, EROFS: the next one.
      failure = error;
    }
  }
  throw failure;
}

/** The beginning of the names in this PID namespace. The process id follows. */
function prefix(): string {
  return `plyfs-warm-${statSync('/proc/self/ns/pid').ino}-`;
}

/** Removes the trees of processes that were killed while they warmed up. */
function removeLeftovers(memory: string): void {
  const begin = prefix();
  for (const name of readdirSync(memory).filter((each) => each.startsWith(begin))) {
    const path = join(memory, name);
    const pid = Number.parseInt(name.slice(begin.length), 10);
    if (!existsSync(`/proc/${pid}`) && isOwn(path)) rmSync(path, { recursive: true, force: true });
  }
}

/** Whether this user has made the tree: others can make names in these directories too. */
function isOwn(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  return stats?.isDirectory() === true && stats.uid === process.geteuid?.();
}
