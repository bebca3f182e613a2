/** Something that can hold a conformance case's tree. */
import type { Capability, Case } from '../case.js';

/** The trees of some cases, each in a directory named by the case's id, on one target. */
export interface Stage {
  /** The merged tree. */
  readonly root: string;
  /** The upper layer on disk, where the target has one. */
  readonly upper: string | null;
  /** Takes the target down and puts it up again: what is not on disk is forgotten. */
  remount(): void;
  /** Has the kernel's overlayfs show the layers instead; null where that is no question. */
  readonly showWithKernel: (() => void) | null;
  close(): void;
}

export interface Target {
  readonly name: string;
  readonly capabilities: ReadonlySet<Capability>;
  /** Why it cannot be used on this machine, or null. */
  unavailable(): string | null;
  /** Lays out the trees of `cases` below the empty directory `base` and shows their union. */
  open(base: string, cases: readonly Case[]): Stage;
}
