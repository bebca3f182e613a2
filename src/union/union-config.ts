/** What a union is made of. Paths are bytes, latin1-decoded. */
export interface UnionConfig {
  /** Top first; at least one if there is no upper. */
  readonly lowers: readonly string[];
  /** Absent: a read-only union. */
  readonly upper?: string;
  /** Needed with an upper, but by the aufs dialect, which keeps a work directory in it. */
  readonly work?: string;
  /** Layers are read and written as aufs does; absent: as the kernel's overlayfs does. */
  readonly aufs?: AufsSettings;
  /** Never wait for the disk: what a crash of the machine loses is lost. */
  readonly volatile: boolean;
  /** Receives one line about something odd that does not stop the mount. */
  readonly log: (line: string) => void;
}

/** What only the aufs dialect knows. */
export interface AufsSettings {
  /** Lower layers, by index, whose whiteouts hide nothing: branches that are `ro` without `+wh`. */
  readonly ignoresWhiteouts: readonly number[];
  /** Whiteouts are hard links to one file; false: the branch attribute `nolwh`. */
  readonly linkWhiteouts: boolean;
  /** Each new directory is made opaque: `diropq=always`. */
  readonly alwaysOpaque: boolean;
  /** Hard links of a lower file stay one file when it is copied up; false: `noplink`. */
  readonly keepLinks: boolean;
}
