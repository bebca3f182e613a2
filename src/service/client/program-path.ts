import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The path of `bin/plyfs` of this package: in the nearest directory above this file that has one. This file
 * is deeper below it as a module than in a bundle.
 */
export function programPath(): string {
  for (let at = new URL('./', import.meta.url); ; at = new URL('../', at)) {
    const program = new URL('bin/plyfs', at);
    if (existsSync(program) || at.pathname === '/') return fileURLToPath(program);
  }
}
