/**
 * Makes the code of a new thread fast before its first mount: V8 compiles what runs often. The first walk of
 * a new mount takes half the time then. The thread serves requests on a small union, without a kernel.
 */

import { O_DIRECTORY, O_PATH } from '../../core/flags.js';
import type { MessageMemory } from '../../fuse/index.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { openLayers, type PrefetchThreads } from '../../server/serving/open-layers.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { WarmRound } from './warm-round.js';
import { WarmTree } from './warm-tree.js';

/** The parts of the serving thread that are used. */
export interface WarmParts {
  readonly memory: MessageMemory;
  readonly prefetchThreads: PrefetchThreads;
}

/** Measured: after this many walks through the small tree, more do not make a mount's first walk faster. */
const PREFETCH_ROUNDS = 60;

/**
 * Starts a prefetch thread, and serves requests until `isOver` returns true. It is called after each round,
 * of some milliseconds.
 * @param config of any mount; the layers are replaced
 * @returns the number of rounds
 * @throws the error of making the tree or of a union: the thread is slower at first, and nothing else changes
 */
export function warmUp(config: MountConfig, { memory, prefetchThreads }: WarmParts, isOver: () => boolean): number {
  const tree = WarmTree.make();
  try {
    const ofTree = tree.applyTo(config);
    warmPrefetch(ofTree.lowers, prefetchThreads);
    for (let round = 1; ; round++) {
      new WarmRound(
        openLayers(ofTree, () => {}),
        memory,
      ).run(round);
      if (isOver()) return round;
    }
  } finally {
    tree.remove();
  }
}

/** The thread reads the tree while this one serves requests. */
function warmPrefetch(lowers: readonly string[], threads: PrefetchThreads): void {
  const roots: number[] = [];
  try {
    for (const path of lowers) roots.push(openTrusted(path, O_PATH | O_DIRECTORY));
    threads.startStanding(roots, PREFETCH_ROUNDS);
  } finally {
    roots.forEach(close);
  }
}
