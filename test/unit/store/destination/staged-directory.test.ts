import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Destination } from '../../../../src/store/destination/destination.js';
import { StagedDirectory } from '../../../../src/store/destination/staged-directory.js';
import { close, openDirectoryAt, openTrusted } from '../../../../src/sys/files/open.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

let home: string;
let dst: string;
let destination: Destination;

beforeEach(() => {
  home = makeScratch('staging');
  dst = join(home, 'dst');
  destination = Destination.open(dst);
});
afterEach(() => {
  destination.close();
  removeScratch(home);
});

const STAGED = '.plyfs-convert.dst';

describe('a staged directory', () => {
  it('is moved to its place when it is complete', () => {
    const staged = StagedDirectory.create(destination, null);
    expect(readdirSync(home)).toEqual([STAGED]);
    expect(statSync(join(home, STAGED)).mode & 0o7777).toBe(0o700);
    writeFileSync(join(home, STAGED, 'file'), 'content');
    staged.publish({ durable: true });
    expect(readdirSync(home)).toEqual(['dst']);
    expect(readdirSync(dst)).toEqual(['file']);
  });

  it('leaves nothing behind when it is abandoned', () => {
    const staged = StagedDirectory.create(destination, null);
    mkdirSync(join(home, STAGED, 'deep/er'), { recursive: true });
    symlinkSync('/', join(home, STAGED, 'deep/link'));
    staged.abandon();
    expect(readdirSync(home)).toEqual([]);
    expect(existsSync('/etc')).toBe(true);
  });

  it('replaces an empty directory, and no other', () => {
    mkdirSync(dst);
    const staged = StagedDirectory.create(destination, null);
    writeFileSync(join(dst, 'somebody'), '');
    expect(() => staged.publish({ durable: false })).toThrow('ENOTEMPTY');
    staged.abandon();
    expect(readdirSync(home, { recursive: true }).sort()).toEqual(['dst', 'dst/somebody']);
  });

  it('is refused while another conversion writes to the same place', () => {
    const staged = StagedDirectory.create(destination, null);
    expect(() => StagedDirectory.create(destination, null)).toThrow('another conversion is writing it');
    staged.abandon();
  });

  it('removes the remains of a killed process: a directory without a lock', () => {
    mkdirSync(join(home, STAGED, 'left'), { recursive: true });
    const staged = StagedDirectory.create(destination, null);
    expect(readdirSync(join(home, STAGED))).toEqual([]);
    staged.abandon();
  });
});

describe('an object that has the staging name', () => {
  const create = (kept: string | null = null): StagedDirectory => StagedDirectory.create(destination, kept);

  it('is not touched if something is mounted in it', () => {
    mkdirSync(join(home, STAGED, 'a/mnt'), { recursive: true });
    mkdirSync(join(home, 'real'));
    for (const path of ['real/file', join(STAGED, 'a/file')]) writeFileSync(join(home, path), '');
    const mountpoint = join(home, STAGED, 'a/mnt');
    expect(spawnSync('mount', ['--bind', join(home, 'real'), mountpoint]).status).toBe(0);
    try {
      expect(() => create()).toThrow(`${mountpoint}: cannot be removed: something is mounted there`);
    } finally {
      spawnSync('umount', [mountpoint]);
    }
    expect(readdirSync(join(home, STAGED, 'a')).sort()).toEqual(['file', 'mnt']);
    expect(readdirSync(join(home, 'real'))).toEqual(['file']);
  });

  it('is not touched if it contains the layer that is converted, whatever path leads there', () => {
    mkdirSync(join(home, STAGED, 'a/kept'), { recursive: true });
    writeFileSync(join(home, STAGED, 'a/kept/file'), '');
    expect(() => create(identityOfPath(join(home, STAGED, 'a/kept')))).toThrow('cannot be removed: SRC is in it');
    expect(existsSync(join(home, STAGED, 'a/kept/file'))).toBe(true);
  });

  it('is not touched if it is not a directory', () => {
    writeFileSync(join(home, STAGED), 'mine');
    expect(() => create()).toThrow('is not a directory');
    expect(readdirSync(home)).toEqual([STAGED]);
  });

  it('is removed, however deep it is', () => {
    const script = `import os
os.mkdir(${JSON.stringify(STAGED)}); os.chdir(${JSON.stringify(STAGED)})
for _ in range(7000):
    os.mkdir('d'); os.chdir('d')
`;
    expect(spawnSync('python3', ['-c', script], { cwd: home }).status).toBe(0);
    create().abandon();
    expect(readdirSync(home)).toEqual([]);
  });

  it('is not touched if it is not the directory that was locked', () => {
    const staged = create();
    writeFileSync(join(home, STAGED, 'mine'), '');
    renameSync(join(home, STAGED), join(home, 'moved'));
    mkdirSync(join(home, STAGED));
    writeFileSync(join(home, STAGED, 'foreign'), '');
    expect(() => staged.publish({ durable: false })).toThrow('ESTALE');
    staged.abandon();
    expect(readdirSync(join(home, STAGED))).toEqual(['foreign']);
    rmSync(join(home, 'moved'), { recursive: true });
  });

  it('is replaced by a directory of mode 0700, whatever mode it had', () => {
    mkdirSync(join(home, STAGED));
    chmodSync(join(home, STAGED), 0o555);
    const staged = create();
    expect(statSync(join(home, STAGED)).mode & 0o7777).toBe(0o700);
    staged.abandon();
  });
});

/** major:minor:ino; st_dev as glibc packs it, for small numbers. */
function identityOfPath(path: string): string {
  const { dev, ino } = statSync(path);
  return `${(dev >> 8) & 0xfff}:${dev & 0xff}:${ino}`;
}

describe('a destination', () => {
  it('can be a symlink to an empty directory', () => {
    mkdirSync(join(home, 'real'));
    symlinkSync('real', join(home, 'link'));
    const linked = Destination.open(join(home, 'link'));
    expect(linked.name).toBe('real');
    linked.close();
  });

  it.each(['/', '.', '..', ''])('cannot be %j', (path) => {
    expect(() => Destination.open(path)).toThrow();
  });

  it('finds out whether it is inside another directory, or is that directory', () => {
    mkdirSync(join(home, 'a/b'), { recursive: true });
    const identity = identityOfPath;
    const inner = Destination.open(join(home, 'a/b/c'));
    expect(inner.relationTo(identity(join(home, 'a')))).toBe('inside');
    expect(inner.relationTo(identity('/'))).toBe('inside');
    expect(inner.relationTo(identity(dst.replace('dst', 'a/b')))).toBe('inside');
    inner.close();
    const same = Destination.open(join(home, 'a/b'));
    expect(same.relationTo(identity(join(home, 'a/b')))).toBe('same');
    same.close();
    expect(destination.relationTo(identity(join(home, 'a')))).toBe(null);
  });

  it('leaves no descriptor open', () => {
    const before = readdirSync('/proc/self/fd').length;
    Destination.open(dst).close();
    expect(() => Destination.open(join(home, 'no/where'))).toThrow();
    expect(destination.relationTo('0:0:0')).toBe(null);
    const fd = openTrusted(home, 0);
    close(openDirectoryAt(fd, '.'));
    close(fd);
    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
  });
});
