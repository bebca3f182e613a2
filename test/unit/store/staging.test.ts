import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Destination, StagedDirectory } from '../../../src/store/staging.js';
import { close, openDirectoryAt, openTrusted } from '../../../src/sys/open.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

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

describe('a directory that is written before it has its place', () => {
  it('gets its place whole', () => {
    const staged = StagedDirectory.create(destination);
    expect(readdirSync(home)).toEqual([STAGED]);
    expect(statSync(join(home, STAGED)).mode & 0o7777).toBe(0o700);
    writeFileSync(join(home, STAGED, 'file'), 'content');
    staged.publish(true);
    expect(readdirSync(home)).toEqual(['dst']);
    expect(readdirSync(dst)).toEqual(['file']);
  });

  it('leaves nothing when it is abandoned', () => {
    const staged = StagedDirectory.create(destination);
    mkdirSync(join(home, STAGED, 'deep/er'), { recursive: true });
    symlinkSync('/', join(home, STAGED, 'deep/link'));
    staged.abandon();
    expect(readdirSync(home)).toEqual([]);
    expect(existsSync('/etc')).toBe(true);
  });

  it('takes the place of an empty directory, and of no other', () => {
    mkdirSync(dst);
    const staged = StagedDirectory.create(destination);
    writeFileSync(join(dst, 'somebody'), '');
    expect(() => staged.publish(false)).toThrow('ENOTEMPTY');
    staged.abandon();
    expect(readdirSync(home, { recursive: true }).sort()).toEqual(['dst', 'dst/somebody']);
  });

  it('is refused while another one is being written to the same place', () => {
    const staged = StagedDirectory.create(destination);
    expect(() => StagedDirectory.create(destination)).toThrow('another conversion is writing it');
    staged.abandon();
  });

  it('removes what one that was killed has left: what nobody holds a lock on', () => {
    mkdirSync(join(home, STAGED, 'left'), { recursive: true });
    const staged = StagedDirectory.create(destination);
    expect(readdirSync(join(home, STAGED))).toEqual([]);
    staged.abandon();
  });
});

describe('a place', () => {
  it('is followed through a symlink to an empty directory', () => {
    mkdirSync(join(home, 'real'));
    symlinkSync('real', join(home, 'link'));
    const linked = Destination.open(join(home, 'link'));
    expect(linked.name).toBe('real');
    linked.close();
  });

  it.each(['/', '.', '..', ''])('is not %j', (path) => {
    expect(() => Destination.open(path)).toThrow();
  });

  it('knows whether it lies in another directory', () => {
    mkdirSync(join(home, 'a/b'), { recursive: true });
    const identity = (path: string): string => {
      const { dev, ino } = statSync(path);
      // major:minor:ino; st_dev as glibc packs it, for small numbers.
      return `${(dev >> 8) & 0xfff}:${dev & 0xff}:${ino}`;
    };
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
