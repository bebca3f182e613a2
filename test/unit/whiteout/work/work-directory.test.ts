/**
 * The work directory when an attacker has prepared the layer, or when a killed server has left files in it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { mkdirAt } from '../../../../src/sys/files/inode-ops.js';
import { close, openDirectoryAt, openTrusted } from '../../../../src/sys/files/open.js';
import { WorkDirectory } from '../../../../src/whiteout/work/work-directory.js';

let base: string;
beforeEach(() => {
  // In memory if possible, because thousands of directories take long on a disk.
  base = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'plyfs-work-'));
  mkdirSync(join(base, 'work', 'work'), { recursive: true });
});
afterEach(() => rmSync(base, { recursive: true, force: true }));

/**
 * Directory levels: more than a recursion can have on the call stack, and more than most processes can have
 * open.
 */
const LEVELS = 12_000;

function nest(levels: number): void {
  let fd = openTrusted(join(base, 'work', 'work'), 0);
  for (let i = 0; i < levels; i++) {
    mkdirAt(fd, 'd', 0o700);
    const inner = openDirectoryAt(fd, 'd');
    close(fd);
    fd = inner;
  }
  close(fd);
}

it('is emptied even of a very deep tree', () => {
  nest(LEVELS);
  WorkDirectory.open(join(base, 'work'), () => {}).close();
  expect(readdirSync(join(base, 'work', 'work'))).toEqual([]);
}, 60_000);

it('is emptied without following symlinks', () => {
  mkdirSync(join(base, 'outside', 'kept'), { recursive: true });
  writeFileSync(join(base, 'outside', 'file'), 'kept');
  symlinkSync(join(base, 'outside'), join(base, 'work', 'work', 'link'));
  mkdirSync(join(base, 'work', 'work', 'directory'));
  symlinkSync(join(base, 'outside'), join(base, 'work', 'work', 'directory', 'link'));
  WorkDirectory.open(join(base, 'work'), () => {}).close();
  expect(readdirSync(join(base, 'work', 'work'))).toEqual([]);
  expect(readdirSync(join(base, 'outside')).sort()).toEqual(['file', 'kept']);
});

it('if it must be exclusive, waits until the server that uses it ends: EBUSY if that does not end', async () => {
  const path = join(base, 'work');
  // Takes the lock, reports it, and ends soon.
  const ending = spawn('flock', [join(path, 'work'), 'sh', '-c', 'echo held; sleep 0.3'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(ending.stdout, 'data');
  const held = WorkDirectory.open(path, () => {}, { exclusive: true });
  expect(() => WorkDirectory.open(path, () => {}, { exclusive: true })).toThrow('EBUSY');
  held.close();
}, 60_000);

it('is created in place of a symlink, whose target does not change', () => {
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'file'), 'kept');
  rmSync(join(base, 'work', 'work'), { recursive: true });
  symlinkSync(join(base, 'outside'), join(base, 'work', 'work'));
  WorkDirectory.open(join(base, 'work'), () => {}).close();
  expect(lstatSync(join(base, 'work', 'work')).isDirectory()).toBe(true);
  expect(readdirSync(join(base, 'outside'))).toEqual(['file']);
});
