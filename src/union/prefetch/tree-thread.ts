/**
 * A helper thread that walks ahead of a reader who goes through a tree: it lists and stats what comes next,
 * so that the kernel has it when the serving thread asks, and the disk is at work meanwhile. It changes
 * nothing, answers nothing, and what fails in it is met again by whoever wants it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError } from '../../core/errno.js';
import { DT_DIR } from '../../core/file-mode.js';
import { FileStat } from '../../core/file-stat.js';
import { O_DIRECTORY, O_NOATIME, O_NONBLOCK, O_RDONLY } from '../../core/flags.js';
import { close, tryOpenBeneath } from '../../sys/files/open.js';
import { readDirectory } from '../../sys/files/read-directory.js';
import { statAt } from '../../sys/files/stat.js';
import { setLoaded } from '../../sys/process/loaded-flag.js';
import type { TreePrefetchData } from './tree-prefetch.js';
import { ENDED, Shared, type TreeReader, TreeWalk, type WalkOrder } from './tree-walk.js';

const { port, roots, shared, loaded } = workerData as TreePrefetchData;
setLoaded(loaded);
// The port keeps the thread alive; its parent's loop never runs, so nothing goes over the parent port.
parentPort?.unref();

const PATIENCE_MS = 500;
/** After so many entries it is judged whether the disk had to be waited for. */
const SAMPLE = 512;
/** Milliseconds that one entry takes where all of it is in memory, at most. */
const IN_MEMORY_MS = 0.02;
/** Of a larger directory the rest is left out, rather than to hold all of its names. */
const MAX_NAMES = 50_000;

const stat = new FileStat();

class LayerTreeReader implements TreeReader {
  private entries = 0;
  private spent = 0;

  look(path: string, stats: boolean): Set<EntryName> {
    const begin = performance.now();
    const directories = new Set<EntryName>();
    for (const root of roots) this.lookInto(root, path, stats, directories);
    if (stats) this.spent += performance.now() - begin;
    return directories;
  }

  private lookInto(root: number, path: string, stats: boolean, directories: Set<EntryName>): void {
    const fd = openToList(root, path);
    if (fd < 0) return;
    try {
      const names: EntryName[] = [];
      readDirectory(fd, (name, _ino, type) => {
        if (names.length >= MAX_NAMES) return;
        names.push(name);
        if (type === DT_DIR) directories.add(name);
      });
      if (!stats) return;
      this.entries += names.length + 1;
      for (const name of names) statAt(fd, name, stat);
    } catch (error) {
      if (!(error instanceof FsError)) throw error;
    } finally {
      close(fd);
    }
  }

  isInMemory(): boolean {
    if (this.entries < SAMPLE) return false;
    const wasFast = this.spent < this.entries * IN_MEMORY_MS;
    this.entries = 0;
    this.spent = 0;
    return wasFast;
  }
}

/**
 * With O_NOATIME, because access times of lower layers must stay; without it (EPERM) for another user's
 * directory.
 */
function openToList(root: number, path: string): number {
  const flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
  const fd = tryOpenBeneath(root, path, flags | O_NOATIME);
  return fd === -Errno.EPERM ? tryOpenBeneath(root, path, flags) : fd;
}

/** A thread without orders for so long gives its memory back. */
const IDLE_MS = 5000;
let idle: NodeJS.Timeout | undefined;

function endIfIdle(): void {
  if (Atomics.compareExchange(shared, Shared.BUSY, 0, ENDED) === 0) port.close();
}

port.on('message', (order: WalkOrder) => {
  clearTimeout(idle);
  new TreeWalk(order, shared, new LayerTreeReader(), PATIENCE_MS).run();
  Atomics.sub(shared, Shared.BUSY, 1);
  Atomics.notify(shared, Shared.BUSY);
  idle = setTimeout(endIfIdle, IDLE_MS);
});
