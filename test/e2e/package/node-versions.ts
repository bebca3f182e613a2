/** Node.js of other versions, from npm's packages of its binaries. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Versions that a package of plyfs must work on. */
export const NODE_MAJORS = [20, 22, 24, 26] as const;

/**
 * Installs the newest Node.js of a major version below `directory`, unless it is there already.
 * @returns the directory of its `node` program
 */
export function installNode(major: number, directory: string): string {
  const prefix = join(directory, `node-${major}`);
  const name = `node-linux-${process.arch}`;
  const programs = join(prefix, 'node_modules', name, 'bin');
  if (!existsSync(join(programs, 'node'))) {
    execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--prefix', prefix, `${name}@${major}`], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
  return programs;
}
