/**
 * The server of an earlier mount, which was unmounted already, still has a layer open. It ends soon, so the
 * caller can try again.
 */
export class StillEnding extends Error {
  /** @param waitMs for how many milliseconds to try again. After that, the other server counts as a user */
  constructor(readonly waitMs: number) {
    super('the server of an earlier mount is still ending');
  }
}

/**
 * The action if the server of an earlier mount is still ending. `wait`: the thread waits for it. `throw`: the
 * thread throws {@link StillEnding}, because it must serve others. `give up`: the other server counts as a
 * user of the layer.
 */
export type EndingPolicy = 'wait' | 'throw' | 'give up';
