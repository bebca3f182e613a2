import type { Layers } from '../../../conformance/tree.js';
import type { WritableLayerDirs } from '../../../harness/scratch.js';
import type { Step } from './executor.js';
import type { Feature, Mode } from './modes.js';

/** An operation during which a server is killed. */
export interface KillCase {
  readonly operation: string;
  readonly placement: string;
  readonly layers: Layers;
  /** Steps before the operation, in the same mount, whose calls are not counted. */
  readonly setup?: readonly Step[];
  /** Requests, in order. After a kill, each has happened completely or not at all. */
  readonly steps: readonly Step[];
  /**
   * Further states that are allowed after a kill: the state after each list of steps. A comment at each gives
   * the reason.
   */
  readonly allowedBetween?: readonly (readonly Step[])[];
  /**
   * In the aufs dialect, the link counts of copied-up files with several names can be too large after a kill,
   * until the end of the next mount: the number of hidden names is not known before.
   */
  readonly linkCountsLate?: true;
  /**
   * A kill can leave a whiteout over nothing. plyfs does not show it. The kernel lists its name, also when
   * the kernel itself has left it there (fs/overlayfs/dir.c:ovl_rename, cleanup_whiteout).
   */
  readonly strayWhiteout?: true;
  /**
   * A kill can leave a copy that was truncated to size 0 and still is marked as a copy without data. plyfs
   * shows it as empty. The kernel's overlayfs reads the lower file to its end and ignores the size
   * (fs/backing-file.c:backing_file_read_iter).
   */
  readonly kernelReadsBeyondSize?: true;
  /** The phase whose calls are counted. Absent: the steps. */
  readonly countedPhase?: 'mount' | 'unmount';
  /**
   * Other threads of the server take part, so that a death cannot be simulated: a process is killed at every
   * moment.
   */
  readonly usesThreads?: true;
  /** The thread that copies large files is killed. */
  readonly copyThread?: true;
  /** Copies are synced in the background. Needs {@link usesThreads}: a thread of the kernel syncs. */
  readonly syncsInBackground?: true;
  /** Adds objects to `lower1` that a `Tree` cannot describe. */
  fillLower?(lower: string): void;
  /** Adds objects to the upper or the work directory that only a killed server leaves there. */
  addLeftovers?(layers: WritableLayerDirs, mode: Mode): void;
  /** A feature without which the case would test something else, or nothing new. */
  readonly needs?: Feature;
  /** The dialects of the case. Absent: both. */
  readonly dialects?: readonly Mode['dialect'][];
}
