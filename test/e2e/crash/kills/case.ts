import type { Layers } from '../../../conformance/tree.js';
import type { Step } from './executor.js';
import type { Feature, Mode, Writable } from './modes.js';

/** Something that a server is killed in the middle of. */
export interface KillCase {
  readonly operation: string;
  readonly placement: string;
  readonly layers: Layers;
  /** Done before, in the same mount, and not counted. */
  readonly setup?: readonly Step[];
  /** Requests that each happen as a whole or not at all, in their order. */
  readonly steps: readonly Step[];
  /** What may show besides: the state after each of these. Why is said where they are given. */
  readonly between?: readonly (readonly Step[])[];
  /**
   * After a kill the link counts of copied-up files with several names can be too large in the aufs dialect,
   * until the end of the next mount: how many names had been hidden is not known then.
   */
  readonly countsLinksLater?: true;
  /**
   * A whiteout may be left where nothing lies below it. plyfs shows nothing of it; the kernel lists its name,
   * also when it has left it there itself (fs/overlayfs/dir.c:ovl_rename, cleanup_whiteout).
   */
  readonly strayWhiteout?: true;
  /**
   * A copy without data may have been cut to nothing and still not be a whole file. It is empty, but the
   * kernel's overlayfs reads what lies below to its end, whatever the size says
   * (fs/backing-file.c:backing_file_read_iter).
   */
  readonly looseData?: true;
  /** What is counted: the steps, unless this says otherwise. */
  readonly armed?: 'mount' | 'unmount';
  /** Threads of the server have a part in it: a process is killed at all moments. */
  readonly threads?: true;
  /** It is the thread which copies large files that is killed. */
  readonly helper?: true;
  /** Puts into `lower1` what a tree cannot say. */
  fillLower?(lower: string): void;
  /** Puts into the upper or the work directory what no server in good health leaves there. */
  leaveBehind?(layers: Writable, mode: Mode): void;
  /** Something else happens without this, or nothing that other cases have not. */
  readonly needs?: Feature;
  /** Absent: all. */
  readonly only?: readonly Mode['dialect'][];
}
