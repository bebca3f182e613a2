/** The marks of one object of a layer: its private xattrs and marker files, decoded. */
export interface Marks {
  /** A directory hides the directories of the same path in the layers below. */
  readonly opaque: boolean;
  /**
   * The place of the object's lower parts, as it is stored: a name in the same directory, or a path from the
   * union's root that begins with `/`. null: they have the object's own name.
   */
  readonly redirect: string | null;
  /** The value of the mark of a file whose data is in a layer below. null: the file has its data. */
  readonly metacopy: Uint8Array | null;
  /** Identifies the lower file of a copy; see `OriginMarks`. null: the object has no such mark. */
  readonly origin: Uint8Array | null;
  /** A directory can contain objects with an {@link origin}. */
  readonly impure: boolean;
}

/** Shared by all objects without marks, as most objects are. */
export const NO_MARKS: Marks = { opaque: false, redirect: null, metacopy: null, origin: null, impure: false };
