/**
 * Makes the code of a new thread fast before its first mount: V8 compiles what runs often. The first walk of
 * a new mount takes half the time then. The thread serves requests on a small union, without a kernel.
 */

import { O_DIRECTORY, O_PATH } from '../../core/flags.js';
import type { MessageMemory, Session } from '../../fuse/index.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { openLayers, type PrefetchThreads } from '../../server/serving/open-layers.js';
import { FdPool } from '../../server/serving/process-fds.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { WarmRound } from './warm-round.js';
import { openWarmSession } from './warm-session.js';
import { WarmTree } from './warm-tree.js';

/** The parts of the serving thread that are used. */
export interface WarmParts {
  readonly memory: MessageMemory;
  readonly prefetchThreads: PrefetchThreads;
}

/** More than the small union needs. */
const FDS = 400;

/** Measured: after this many walks through the small tree, more do not make a mount's first walk faster. */
const PREFETCH_ROUNDS = 60;

/** The last sessions of a warm-up: one whose kernel accepts backing files, and one whose kernel does not. */
const KEPT_SESSIONS = 2;

export interface WarmUp {
  /** How many rounds there were. */
  readonly rounds: number;
  /**
   * Closed sessions, with some nodes. The thread keeps them for as long as it lives. When a class has no
   * object left, for example because a mount has ended, V8 throws away the code that it has compiled for that
   * class. The first walk of the next mount would be as slow as without a warm-up.
   */
  readonly kept: readonly Session[];
}

/**
 * Starts a prefetch thread, and serves requests until `isOver` returns true. It is called after each round,
 * of some milliseconds.
 * @param config of any mount; the layers are replaced
 * @throws the error of making the tree or of a union: the thread is slower at first, and nothing else changes
 */
export function warmUp(config: MountConfig, { memory, prefetchThreads }: WarmParts, isOver: () => boolean): WarmUp {
  const kept: Session[] = [];
  const tree = WarmTree.make();
  // Of its own, so that the mounts have as many fds as without a warm-up.
  const fdPool = FdPool.make(FDS);
  try {
    const ofTree = tree.applyTo(config);
    warmPrefetch(ofTree.lowers, prefetchThreads);
    for (let rounds = 1; ; rounds++) {
      const operations = openLayers(ofTree, () => {}, { fdPool });
      // Some kernels, and some layers, refuse backing files.
      const session = openWarmSession(ofTree, operations, memory, rounds % 2 === 0);
      new WarmRound(session, memory).run(rounds);
      if (kept.push(session) > KEPT_SESSIONS) kept.shift();
      if (isOver()) return { rounds, kept };
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
