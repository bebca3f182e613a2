/** What the private xattrs and markers of one object of a layer say about it. */
export interface Marks {
  /** A directory hides the directories of the same path below it. */
  readonly opaque: boolean;
  /**
   * Where the layers below have the rest of the object, as it is stored: one name of the same directory, or,
   * beginning with `/`, a path from the root of the union. null: under the object's own name.
   */
  readonly redirect: string | null;
  /** A file without its data, which a layer below has: the value of its mark. null: a whole file. */
  readonly metacopy: Uint8Array | null;
  /** Which lower file a copy is of; see `OriginMarks`. null: it is none. */
  readonly origin: Uint8Array | null;
  /** A directory may hold objects with an {@link origin}. */
  readonly impure: boolean;
}

/** Of an object that is all there is to it; shared, because most objects are. */
export const NO_MARKS: Marks = { opaque: false, redirect: null, metacopy: null, origin: null, impure: false };
