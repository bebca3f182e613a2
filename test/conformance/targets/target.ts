/** Something that can hold a conformance case's tree. */
import type { Capability, Case } from '../case.js';
import type { LayerForm } from '../forms.js';

/** The trees of some cases, each in a directory named by the case's id, on one target. */
export interface Stage {
  /** The merged tree. */
  readonly root: string;
  /** The upper layer on disk, where the target has one. */
  readonly upper: string | null;
  /** How the upper layer stores what is gone. */
  readonly form: LayerForm;
  /**
   * Takes the target down and puts it up again: what is not on disk is forgotten. Null where nothing is
   * mounted.
   */
  readonly remount: (() => void) | null;
  /** Has the kernel's overlayfs show the layers instead; null where that is no question. */
  readonly showWithKernel: (() => void) | null;
  close(): void;
}

/** What the fuse-native transport does not carry (docs/transports.md). Every other target has all of it. */
export const NOT_IN_LIBFUSE2: readonly Capability[] = [
  'caller',
  'rename-flags',
  'fallocate',
  'seek-holes',
  'tmpfile',
  'byte-names',
  'exact-times',
  'acls',
  'nameless-objects',
  'kill-set-gid',
  'capabilities-with-mapping',
  'inode-flags',
  'no-handles',
  'direct-blocks',
];

export interface Target {
  readonly name: string;
  readonly capabilities: ReadonlySet<Capability>;
  /** Why it cannot be used on this machine, or null. */
  unavailable(): string | null;
  /**
   * Lays out the trees of `cases` below the empty directory `base` and shows their union.
   * @param readOnly what the cases call their upper is the topmost lower layer, and there is no upper
   */
  open(base: string, cases: readonly Case[], readOnly: boolean): Stage;
}
