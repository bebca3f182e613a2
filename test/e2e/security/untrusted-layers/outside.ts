/** A place that no layer holds, with what an attacker would like to reach. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as sys from '../../../harness/sys/index.js';

export const SECRET = 'the secret outside of all layers';

export class Outside {
  readonly path: string;
  readonly file: string;
  readonly directory: string;
  /** `/dev/zero` by another name: what is read from it does not end. */
  readonly device: string;
  readonly #all: readonly string[];

  constructor(base: string) {
    this.path = join(base, 'outside');
    this.file = join(this.path, 'secret');
    this.directory = join(this.path, 'directory');
    this.device = join(this.path, 'device');
    const inside = join(this.directory, 'secret');
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    sys.writeFile(this.file, SECRET, 0o600);
    sys.writeFile(inside, SECRET, 0o600);
    sys.mknod(this.device, sys.S_IFCHR | 0o600, 1 * 256 + 5);
    this.#all = [this.file, this.device, inside, this.directory, this.path];
    // Older than the last change, so that `relatime` moves it with the first access.
    for (const path of this.#all) sys.utimens(path, { sec: 1, nsec: 0 }, sys.OMIT);
  }

  /**
   * What no change and no read leaves as it was: ctime moves with every change, atime with the first read.
   */
  facts(): Readonly<Record<string, sys.Stat>> {
    return Object.fromEntries(this.#all.map((path) => [path, sys.lstat(path)]));
  }
}
