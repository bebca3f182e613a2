/** The type of a conformance case. */
import type { Layers } from './tree.js';

/** A property in which targets differ, and which a case can require. */
export type Capability =
  /** The target has an upper layer on disk, which the case reads. */
  | 'upper'
  /** A directory that a lower layer has cannot be renamed: EXDEV. */
  | 'exdev'
  /** Any directory can be renamed. */
  | 'rename-any-directory'
  /** A change of attributes copies the data up too (no `metacopy=on`). */
  | 'data-with-attributes'
  /** Objects of the upper have their own owner, mode and capabilities on disk. */
  | 'own-attributes'
  /** A directory's link count is two plus the number of its subdirectories. */
  | 'directory-nlink'
  /** Hard links of a lower file stay one file when it is written to. */
  | 'lower-hard-links'
  /** A file that was unlinked while open has no links and can be changed, in every layer. */
  | 'unlinked-lower'
  /** A mapping made before a copy-up shows later writes. */
  | 'coherent-mappings'
  /** A read updates the access time as on ext4. */
  | 'atime'
  /** A character device 0:0 can be made. */
  | 'device-zero'
  /** A character device 0:0 is a whiteout and cannot be made. */
  | 'device-zero-reserved'
  /** Names `trusted.overlay.*` are private to the union. */
  | 'private-xattrs'
  /** Names `trusted.overlay.*` are ordinary. */
  | 'no-private-xattrs'
  /** Names can have 255 bytes. */
  | 'long-names'
  /** Layers are aufs branches: reserved names, 242 bytes, three directories that can be renamed. */
  | 'aufs'
  /** A new object belongs to its caller. */
  | 'caller'
  /** renameat2(2) with RENAME_NOREPLACE and RENAME_EXCHANGE. */
  | 'rename-flags'
  | 'fallocate'
  /** SEEK_DATA and SEEK_HOLE find the holes. */
  | 'seek-holes'
  /** open(2) with O_TMPFILE. */
  | 'tmpfile'
  /** Names and symlink targets can contain any bytes. */
  | 'byte-names'
  /** Times have nanoseconds, can be before 1970, and can be set one without the other. */
  | 'exact-times'
  /** ACLs are checked and inherited. */
  | 'acls'
  /** A removed object to which a process refers without having it open can still be queried. */
  | 'nameless-objects'
  /** A write by a process outside the group clears set-gid without group execute. */
  | 'kill-set-gid'
  /** A write to a mapping keeps capabilities. */
  | 'capabilities-with-mapping'
  | 'o-direct'
  /** O_DIRECT refuses transfers that are not whole blocks. */
  | 'direct-blocks'
  | 'inode-flags'
  /**
   * The kernel itself knows which files are immutable or append-only, without a request to the file system.
   */
  | 'inode-flags-cached'
  /**
   * A listing and stat(2) return the same inode number for a directory that the upper and a lower layer have.
   */
  | 'merged-numbers'
  /** fcntl(2) with F_SETLEASE. */
  | 'leases'
  /** Objects have file handles that open_by_handle_at(2) accepts. */
  | 'handles'
  /** name_to_handle_at(2) only returns handles that can be compared (AT_HANDLE_FID). */
  | 'no-handles'
  | 'collapse-range';

/** The layers that have the object of a case. */
export const PLACEMENTS = ['upper', 'lower', 'merged', 'deep', 'whiteout', 'opaque'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** The directory of a running case, and its helpers. */
export interface Context {
  /** The case's own directory in the mounted tree. */
  readonly root: string;
  path(relative: string): string;
  /** The path of `relative` in the upper layer on disk; only for cases that need `upper`. */
  upper(relative: string): string;
  /**
   * Whether the upper layer has a whiteout at `relative`, and whether the directory is opaque in it. Only for
   * cases that need `upper`.
   */
  isWhiteout(relative: string): boolean;
  isOpaque(relative: string): boolean;
  /** Opens a file that is closed when the case ends. */
  open(relative: string, flags: number, mode?: number): number;
  /** Runs `body` when the case ends, also after a failure. */
  defer(body: () => void): void;
}

export interface Case {
  /** Unique; also the name of the case's directory. */
  readonly id: string;
  /** The tested operation: the name of a system call, for the coverage table. */
  readonly operation: string;
  readonly placement: Placement;
  readonly title: string;
  readonly needs: readonly Capability[];
  readonly layers: Layers;
  run(ctx: Context): void;
}

/** A case in one placement, with layers of its own. */
export interface SingleCase {
  readonly id: string;
  readonly operation: string;
  readonly placement?: Placement;
  readonly title: string;
  readonly needs?: readonly Capability[];
  readonly layers?: Layers;
  run(ctx: Context): void;
}

/** Makes one case. Without layers, it starts in an empty directory of the upper. */
export function single(spec: SingleCase): Case {
  return { placement: 'upper', needs: [], layers: {}, ...spec };
}
