/** A copy of the built program into which a test puts a bug, to see how plyfs reacts to its own bugs. */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../../harness/checkout.js';

export class PatchedPlyfs {
  /** @param home an empty directory for the copy */
  constructor(private readonly home: string) {
    for (const part of ['bin', 'dist', 'package.json'])
      cpSync(join(CHECKOUT, part), join(home, part), { recursive: true });
    // bin/plyfs must run the modules, which are patched, and not the bundle that was made of them.
    rmSync(join(home, 'dist', 'program'), { recursive: true });
    symlinkSync(join(CHECKOUT, 'node_modules'), join(home, 'node_modules'));
  }

  get program(): string {
    return join(this.home, 'bin', 'plyfs');
  }

  /** Inserts `code` before the first statement of the function `name` in a file of `dist`. */
  intoFunction(file: string, name: string, code: string): void {
    const path = join(this.home, 'dist', file);
    const before = readFileSync(path, 'utf8');
    const after = before.replace(new RegExp(`(function ${name}\\([^)]*\\) \\{)`), `$1 ${code}`);
    if (after === before) throw new Error(`${file} has no function ${name}`);
    writeFileSync(path, after);
  }

  /** Replaces a file of `dist`, or removes it if `code` is null. */
  replace(file: string, code: string | null): void {
    const path = join(this.home, 'dist', file);
    if (code === null) rmSync(path);
    else writeFileSync(path, code);
  }

  /** Restores the file as it was built. */
  restore(file: string): void {
    cpSync(join(CHECKOUT, 'dist', file), join(this.home, 'dist', file));
  }
}
