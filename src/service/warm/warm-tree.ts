/** A small union in memory, on which a new thread exercises its code. */
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { MountConfig } from '../../server/config/mount-config.js';

const { XDG_RUNTIME_DIR } = process.env;
/** Directories in memory. The first that can be written to has the tree. */
const MEMORY = ['/dev/shm', XDG_RUNTIME_DIR, '/run', tmpdir()];

/**
 * Fewer directories than a walk has for which the union starts a thread that reads ahead
 * (`union/prefetch/tree-prefetch.ts`).
 */
export const DIRECTORIES = 5;
/** Files of each directory, half of them in each lower layer. */
export const FILES = 40;

export class WarmTree {
  private constructor(private readonly directory: string) {}

  /**
   * Makes two lower layers with the same directories, an upper and a work directory. Throws Node's errors.
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
    return { ...config, lowers: ['lower1', 'lower2'].map((name) => this.at(name)), ...this.upperAndWork() };
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
    for (const lower of ['lower1', 'lower2']) {
      for (let i = 0; i < DIRECTORIES; i++) this.fillDirectory(join(this.at(lower), `dir${i}`), lower);
    }
  }

  private fillDirectory(path: string, lower: string): void {
    mkdirSync(path, { recursive: true });
    for (let i = 0; i < FILES / 2; i++) writeFileSync(join(path, `${lower}-${i}`), 'content of a small file');
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
