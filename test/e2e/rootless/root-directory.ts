/**
 * A root directory for programs: it has some programs of the machine, with the libraries that they load.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @param programs names of programs in PATH, which are copied to /bin */
export function makeRootDirectory(directory: string, programs: readonly string[]): void {
  mkdirSync(join(directory, 'bin'), { recursive: true });
  for (const name of programs) {
    const program = realpathSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim());
    copyFileSync(program, join(directory, 'bin', name));
    for (const library of librariesOf(program)) copyTo(join(directory, library), library);
  }
}

function librariesOf(program: string): string[] {
  return execFileSync('ldd', [program], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [];
}

function copyTo(place: string, file: string): void {
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true });
  copyFileSync(file, place);
}
