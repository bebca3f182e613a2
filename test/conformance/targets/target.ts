/** A target: a program or directory that can show a conformance case's tree. */
import type { Capability, Case } from '../case.js';
import type { LayerForm } from '../forms.js';

/** The trees of some cases on one target, each in a directory with the case's id as name. */
export interface OpenTarget {
  /** The merged tree. */
  readonly root: string;
  /** The upper layer on disk; null if the target has none. */
  readonly upper: string | null;
  /** The on-disk form of deletions in the upper layer. */
  readonly form: LayerForm;
  /**
   * Unmounts the target and mounts it again, so that it forgets what is not on disk. Null: nothing is
   * mounted.
   */
  readonly remount: (() => void) | null;
  /** Shows the layers with the kernel's overlayfs instead. Null: it cannot read them. */
  readonly showWithKernel: (() => void) | null;
  close(): void;
}

/**
 * Capabilities that the fuse-native transport lacks (docs/transports.md). Every other target has all of them.
 */
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
  /** The reason why it cannot be used on this machine, or null. */
  unavailable(): string | null;
  /**
   * Makes the trees of `cases` below the empty directory `base`, and shows their union.
   * @param readOnly true: the upper of the cases is the topmost lower layer, and there is no upper
   */
  open(base: string, cases: readonly Case[], readOnly: boolean): OpenTarget;
}
