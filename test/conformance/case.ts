/** What a conformance case is. */
import type { Layers } from './tree.js';

/** A difference between targets that a case may depend on. */
export type Capability =
  /** The target keeps an upper layer that the case looks into. */
  | 'upper'
  /** A directory that (also) lies in a lower layer cannot be renamed: EXDEV. */
  | 'exdev'
  /** Any directory can be renamed. */
  | 'rename-any-directory'
  /** A change of attributes copies the data up too: no `metacopy=on`. */
  | 'data-with-attributes'
  /** Owner, mode and capabilities of what is in the upper are those that it has on disk. */
  | 'own-attributes'
  /** A directory's link count is two and one for each subdirectory. */
  | 'directory-nlink'
  /** Hard links of one lower file stay one file when it is written to. */
  | 'lower-hard-links'
  /** What was unlinked while open shows no links and can be changed, from whichever layer it came. */
  | 'unlinked-lower'
  /** A mapping made before a copy-up sees what is written after it. */
  | 'coherent-mappings'
  /** Reading updates the access time as ext4 does. */
  | 'atime'
  /** Character device 0:0 can be made. */
  | 'device-zero'
  /** Character device 0:0 is a whiteout and cannot be made. */
  | 'device-zero-reserved'
  /** `trusted.overlay.*` names are kept from the user. */
  | 'private-xattrs'
  /** `trusted.overlay.*` names are names as all others. */
  | 'no-private-xattrs'
  /** Names can have 255 bytes. */
  | 'long-names'
  /** Layers are aufs branches: reserved names, 242 bytes, three directories that can be renamed. */
  | 'aufs'
  /** What is made belongs to its maker. */
  | 'caller'
  /** RENAME_NOREPLACE and RENAME_EXCHANGE. */
  | 'rename-flags'
  | 'fallocate'
  /** SEEK_DATA and SEEK_HOLE find the holes. */
  | 'seek-holes'
  /** O_TMPFILE. */
  | 'tmpfile'
  /** Names and symlink targets can be any bytes. */
  | 'byte-names'
  /** Times have nanoseconds, can lie before 1970, and can be set one without the other. */
  | 'exact-times'
  /** ACLs decide who may do what, and are inherited. */
  | 'acls'
  /** What was removed while somebody refers to it, and is no open file, can still be asked about. */
  | 'nameless-objects'
  /** Set-gid without group execute is taken away by a writer outside the group. */
  | 'kill-set-gid'
  /** A write to a mapping leaves capabilities. */
  | 'capabilities-with-mapping'
  | 'o-direct'
  /** O_DIRECT refuses what is no whole block. */
  | 'direct-blocks'
  | 'inode-flags'
  /** The kernel itself knows which files are immutable or append-only, without asking the file system. */
  | 'inode-flags-cached'
  /**
   * Listings and stat agree about a directory that lies in the upper and below it, whoever has made it there.
   */
  | 'merged-numbers'
  /** fcntl(2) F_SETLEASE. */
  | 'leases'
  /** Objects have file handles that open_by_handle_at(2) takes. */
  | 'handles'
  /** name_to_handle_at(2) gives handles to compare only (AT_HANDLE_FID). */
  | 'no-handles'
  | 'collapse-range';

/** Where in the layers the object of a case lies. */
export const PLACEMENTS = ['upper', 'lower', 'merged', 'deep', 'whiteout', 'opaque'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** What a case is given while it runs. */
export interface Context {
  /** The case's own directory in the mounted tree. */
  readonly root: string;
  path(relative: string): string;
  /** The path of `relative` in the upper layer on disk; only for cases that need `upper`. */
  upper(relative: string): string;
  /**
   * Whether the upper layer has a whiteout at `relative`; whether its directory is marked opaque. Need
   * `upper`.
   */
  isWhiteout(relative: string): boolean;
  isOpaque(relative: string): boolean;
  /** An open file that is closed when the case ends. */
  open(relative: string, flags: number, mode?: number): number;
  /** Runs `body` when the case ends, whether it passed or not. */
  defer(body: () => void): void;
}

export interface Case {
  /** Unique; also the name of the case's directory. */
  readonly id: string;
  /** The operation that is tested: a system call's name, for the coverage table. */
  readonly operation: string;
  readonly placement: Placement;
  readonly title: string;
  readonly needs: readonly Capability[];
  readonly layers: Layers;
  run(ctx: Context): void;
}

/** A case that stands for itself. */
export interface SingleCase {
  readonly id: string;
  readonly operation: string;
  readonly placement?: Placement;
  readonly title: string;
  readonly needs?: readonly Capability[];
  readonly layers?: Layers;
  run(ctx: Context): void;
}

/** Without layers a case starts with an empty directory in the upper. */
export function single(spec: SingleCase): Case {
  return { placement: 'upper', needs: [], layers: {}, ...spec };
}
