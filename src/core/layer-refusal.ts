import { FsError } from './errno.js';

/** Refuses a layer that cannot be mounted. The message for users is `what: path: why (ERRNO); advice`. */
export class LayerRefusal extends FsError {
  /** @param path as bytes */
  constructor(
    errno: number,
    /** The option that gave the path. */
    readonly what: string,
    override readonly path: string,
    readonly why: string,
    readonly advice: string,
  ) {
    super(errno, what, path);
  }

  /**
   * Runs `open`, which opens the directory `part` in `path`. If it throws an FsError, throws a LayerRefusal
   * for `path`, which is the path that the user gave.
   */
  static forPath<T>(what: string, path: string, part: string, open: () => T): T {
    try {
      return open();
    } catch (error) {
      if (error instanceof LayerRefusal || !(error instanceof FsError)) throw error;
      const why = `its directory ${part} cannot be used: ${error.reason} failed`;
      throw new LayerRefusal(error.errno, what, path, why, "give an empty directory on the upperdir's file system");
    }
  }
}
