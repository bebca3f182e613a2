/** A copy of the built program with a bug put into it, for what is to happen when plyfs itself goes wrong. */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHECKOUT } from '../../harness/checkout.js';

export class PatchedPlyfs {
  /** @param home a directory of its own */
  constructor(private readonly home: string) {
    for (const part of ['bin', 'dist', 'package.json'])
      cpSync(join(CHECKOUT, part), join(home, part), { recursive: true });
    // Of the modules, not of the bundle that was made of them.
    rmSync(join(home, 'dist', 'program'), { recursive: true });
    symlinkSync(join(CHECKOUT, 'node_modules'), join(home, 'node_modules'));
  }

  get program(): string {
    return join(this.home, 'bin', 'plyfs');
  }

  /** Puts `code` before the first statement of the function of this name in a file of `dist`. */
  intoFunction(file: string, name: string, code: string): void {
    const path = join(this.home, 'dist', file);
    const before = readFileSync(path, 'utf8');
    const after = before.replace(new RegExp(`(function ${name}\\([^)]*\\) \\{)`), `$1 ${code}`);
    if (after === before) throw new Error(`${file} has no function ${name}`);
    writeFileSync(path, after);
  }

  /** Replaces a file of `dist`; null: it is gone. */
  replace(file: string, code: string | null): void {
    const path = join(this.home, 'dist', file);
    if (code === null) rmSync(path);
    else writeFileSync(path, code);
  }

  /** The file is as it was built. */
  restore(file: string): void {
    cpSync(join(CHECKOUT, 'dist', file), join(this.home, 'dist', file));
  }
}
