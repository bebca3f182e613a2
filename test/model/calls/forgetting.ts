/**
 * Calls that make the kernel drop its caches, so that it must send requests again. They have no visible
 * effect.
 */
import fc from 'fast-check';
import { pressureUnavailable, reclaimMemory } from '../../harness/machine/memory-pressure.js';
import * as sys from '../../harness/sys/index.js';
import { type Call, call } from '../script/call.js';
import type { Side } from '../sides/side.js';

/** Calls that affect only this mount are far more frequent: the others slow the whole machine down. */
export const forgettingCalls = {
  /** Forgets names, and inodes that are not open. */
  forgetNames: call(300, {}, (_, { side }) => sys.forgetNames(side.mountpoint)),
  /** Forgets the pages of open files. */
  forgetPages: call(100, {}, (_, { side }) => forgetPages(side)),
  dropCaches: call(1, { what: fc.constantFrom(1, 2, 3) }, ({ what }) => sys.dropCaches(what as 1 | 2 | 3)),
  pressure: call(2, {}, () => {
    if (pressureUnavailable() === null) reclaimMemory();
  }),
} satisfies Record<string, Call>;

function forgetPages(side: Side): void {
  const descriptors = [...side.files.all(), ...side.mappings.all()].map(({ fd }) => fd);
  for (const fd of descriptors) sys.outcome(() => sys.forgetPages(fd));
}
