/**
 * The prefetch thread, which is ahead of a reader's walk through a tree. It lists and stats the next
 * directories of the lower layers, so that they are in the kernel's caches when the serving thread needs
 * them. It changes nothing and returns nothing. Errors are ignored: the serving thread meets them again and
 * reports them.
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
import type { PrefetchMessage, PrefetchThreadData } from './prefetch-thread.js';
import { ENDED, Shared, type TreeReader, walkRounds } from './tree-walk.js';

const { port, shared, loaded, stays } = workerData as PrefetchThreadData;
setLoaded(loaded);
// The port keeps the thread alive. The parent port is unused: the event loop of the parent never runs.
parentPort?.unref();

/** A walk ends if its reader lists no directory for this long, milliseconds. */
const READER_TIMEOUT_MS = 500;
/** After this many entries the thread decides whether they were in memory already. */
const SAMPLE = 512;
/** The longest time for an entry that is in memory, milliseconds. */
const IN_MEMORY_MS = 0.02;
/** The rest of a larger directory is skipped, so that the thread need not hold all of its names. */
const MAX_NAMES = 50_000;

const stat = new FileStat();

class LayerTreeReader implements TreeReader {
  private entries = 0;
  private spent = 0;

  constructor(private readonly roots: readonly number[]) {}

  read(path: string, stats: boolean): Set<EntryName> {
    const begin = performance.now();
    const directories = new Set<EntryName>();
    for (const root of this.roots) this.readLayer(root, path, stats, directories);
    if (stats) this.spent += performance.now() - begin;
    return directories;
  }

  private readLayer(root: number, path: string, stats: boolean, directories: Set<EntryName>): void {
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
 * Opens a directory with O_NOATIME, because access times of lower layers must not change. If it belongs to
 * another user, the kernel refuses O_NOATIME with EPERM, and it is opened without.
 */
function openToList(root: number, path: string): number {
  const flags = O_RDONLY | O_DIRECTORY | O_NONBLOCK;
  const fd = tryOpenBeneath(root, path, flags | O_NOATIME);
  return fd === -Errno.EPERM ? tryOpenBeneath(root, path, flags) : fd;
}

/** A thread that has no order for this long ends, which frees its memory, unless it stays. */
const IDLE_MS = 5000;
let idle: NodeJS.Timeout | undefined;

function endIfIdle(): void {
  if (Atomics.compareExchange(shared, Shared.BUSY, 0, ENDED) === 0) port.close();
  else endWhenIdle();
}

function endWhenIdle(): void {
  clearTimeout(idle);
  if (!stays) idle = setTimeout(endIfIdle, IDLE_MS);
}

endWhenIdle();
port.on('message', (order: PrefetchMessage) => {
  if (order === 'end') {
    clearTimeout(idle);
    port.close();
    return;
  }
  const { roots } = order;
  try {
    walkRounds(order, shared, () => new LayerTreeReader(roots), READER_TIMEOUT_MS);
  } finally {
    // Also if a bug ends this thread. It then stays busy, so that no other mount gets it.
    for (const root of roots) close(root);
  }
  Atomics.sub(shared, Shared.BUSY, 1);
  Atomics.notify(shared, Shared.BUSY);
  endWhenIdle();
});
