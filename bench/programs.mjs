/** The small C programs that do and time single system calls: a shell would take longer than what is measured. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** @param {string} name @returns {string} The path of the program, compiled when its source has changed. */
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

/** What root runs must not have been put there by somebody else. */
function refuseForeign(directory) {
  const found = lstatSync(directory);
  if (found.isDirectory() && found.uid === process.getuid() && (found.mode & 0o022) === 0) return;
  throw new Error(`${directory} belongs to, or can be written by, others; remove it`);
}
