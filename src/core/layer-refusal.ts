import { FsError } from './errno.js';

/** Layers that cannot be mounted as they are, told as a person needs it: `what: path: why (ERRNO); advice`. */
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
}
