/** The programs that do the work, and how to install them. */
import { spawnSync } from 'node:child_process';
import { basename } from 'node:path';

/** The arguments that make each program print its version. A program has the name of its Debian package. */
const VERSION_ARGUMENTS = {
  fio: ['--version'],
  git: ['--version'],
  gcc: ['--version'],
  make: ['--version'],
  sqlite3: ['--version'],
  tar: ['--version'],
};

/**
 * @returns {string | undefined} the line that names the program, or the first; undefined if it is not
 * installed
 */
export function versionOf(program, args = ['--version']) {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) return undefined;
  const lines = (stdout.trim() || stderr.trim()).split('\n');
  return lines.find((line) => line.startsWith(basename(program))) ?? lines[0];
}

/** @returns {Record<string, string | undefined>} */
export function toolVersions() {
  return Object.fromEntries(Object.entries(VERSION_ARGUMENTS).map(([tool, args]) => [tool, versionOf(tool, args)]));
}

/** The advice for a program that is not installed. */
export function installHint(packageName) {
  return `install it: scripts/setup bench, or apt-get install ${packageName}`;
}
