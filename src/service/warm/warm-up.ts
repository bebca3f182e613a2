/**
 * Makes the code of a new thread fast before its first mount: V8 compiles what runs often. The first walk of
 * a new mount takes half the time then. The thread serves requests on a small union, without a kernel.
 */
import type { MessageMemory } from '../../fuse/index.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { openLayers } from '../../server/serving/open-layers.js';
import { WarmRound } from './warm-round.js';
import { WarmTree } from './warm-tree.js';

/**
 * Serves requests until `isOver` returns true. It is called after each round, of some milliseconds.
 * @param config of any mount; the layers are replaced
 * @returns the number of rounds
 * @throws the error of making the tree or of a union: the thread is slower at first, and nothing else changes
 */
export function warmUp(config: MountConfig, memory: MessageMemory, isOver: () => boolean): number {
  const tree = WarmTree.make();
  try {
    const ofTree = tree.applyTo(config);
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
