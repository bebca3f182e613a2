/**
 * Compiles the small C programs that time single system calls: starting a shell would take longer than the
 * call.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @param {string} name @returns {string} the path of the program, compiled if its source has changed */
export function compiledProgram(name) {
  const source = fileURLToPath(new URL(`./programs/${name}.c`, import.meta.url));
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const directory = join(tmpdir(), 'plyfs-bench-programs');
  const program = join(directory, `${name}-${digest}`);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  refuseForeign(directory);
  if (!existsSync(program)) {
    const unfinished = `${program}.${process.pid}`;
    execFileSync('gcc', ['-O2', '-pthread', '-Wall', '-Werror', '-o', unfinished, source]);
    renameSync(unfinished, program);
  }
  return program;
}

/** Refuses a directory in which another user could have put a program that root would run. */
function refuseForeign(directory) {
  const found = lstatSync(directory);
  if (found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0) return;
  throw new Error(`${directory} belongs to, or can be written by, others; remove it`);
}
