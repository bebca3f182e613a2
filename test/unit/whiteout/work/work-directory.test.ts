/** The work directory of a layer from an attacker, or of a killed server. */
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

/** More than the limit of the call stack, and than most processes can have files open. */
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

it('is emptied of a very deep tree', () => {
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

it('is waited for, if it must be exclusive, until a server that used it has ended, but not longer', async () => {
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

it('replaces a symlink, and is not the target of it', () => {
  mkdirSync(join(base, 'outside'));
  writeFileSync(join(base, 'outside', 'file'), 'kept');
  rmSync(join(base, 'work', 'work'), { recursive: true });
  symlinkSync(join(base, 'outside'), join(base, 'work', 'work'));
  WorkDirectory.open(join(base, 'work'), () => {}).close();
  expect(lstatSync(join(base, 'work', 'work')).isDirectory()).toBe(true);
  expect(readdirSync(join(base, 'outside'))).toEqual(['file']);
});
