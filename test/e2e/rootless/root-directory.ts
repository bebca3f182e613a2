/**
 * A root directory for programs: it has some programs of the machine, with the libraries that they load.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Maps a name in PATH to the path of the program and to its libraries, which take two processes to find. */
const known = new Map<string, Program>();

interface Program {
  readonly path: string;
  readonly libraries: readonly string[];
}

/** @param programs names of programs in PATH, which are copied to /bin */
export function makeRootDirectory(directory: string, programs: readonly string[]): void {
  mkdirSync(join(directory, 'bin'), { recursive: true });
  for (const name of programs) {
    const program = known.get(name) ?? find(name);
    known.set(name, program);
    copyFileSync(program.path, join(directory, 'bin', name));
    for (const library of program.libraries) copyTo(join(directory, library), library);
  }
}

function find(name: string): Program {
  const path = realpathSync(execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim());
  const libraries = execFileSync('ldd', [path], { encoding: 'utf8' }).match(/\/\S+(?= \(0x)/g) ?? [];
  return { path, libraries };
}

function copyTo(place: string, file: string): void {
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true });
  copyFileSync(file, place);
}
