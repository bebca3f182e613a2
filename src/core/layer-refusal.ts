import { FsError } from './errno.js';

/**
 * Layers that cannot be mounted as they are, told as a person needs it: `what: path: why (ERRNO); advice`.
 */
export class LayerRefusal extends FsError {
  /** @param path bytes */
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
   * What `open` fails with, told of the path that a person gave, whatever object beside or below it was in
   * the way.
   */
  static inTermsOf<T>(what: string, path: string, part: string, open: () => T): T {
    try {
      return open();
    } catch (error) {
      if (error instanceof LayerRefusal || !(error instanceof FsError)) throw error;
      const why = `its directory ${part} cannot be used: ${error.syscall} failed`;
      throw new LayerRefusal(error.errno, what, path, why, "give an empty directory on the upperdir's file system");
    }
  }
}
