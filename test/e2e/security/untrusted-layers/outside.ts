/** A directory outside of all layers, with objects that an attacker wants to reach. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as sys from '../../../harness/sys/index.js';

export const SECRET = 'the secret outside of all layers';

export class Outside {
  readonly path: string;
  readonly file: string;
  readonly directory: string;
  /** `/dev/zero` by another name: a read of it never ends. */
  readonly device: string;
  private readonly all: readonly string[];

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
    this.all = [this.file, this.device, inside, this.directory, this.path];
    // An access time before the last change, so that `relatime` updates it at the first access.
    for (const path of this.all) sys.utimens(path, { sec: 1, nsec: 0 }, sys.OMIT);
  }

  /** Returns facts that show each change and each read: a change moves ctime, the first read moves atime. */
  facts(): Readonly<Record<string, sys.Stat>> {
    return Object.fromEntries(this.all.map((path) => [path, sys.lstat(path)]));
  }
}
