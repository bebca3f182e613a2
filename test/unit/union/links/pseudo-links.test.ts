/** Lower files with several links in the aufs dialect are one file before the copy-up and after it. */
import {
  chmodSync,
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import type { DirectorySink, Operations } from '../../../../src/fuse/operations.js';
import { findXattr, setXattr } from '../../../../src/sys/files/xattr.js';
import { getInodeFlags, setInodeFlags } from '../../../../src/sys/ioctl.js';
import { createUnion } from '../../../../src/union/index.js';

const caller = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const O_RDONLY = 0;
const O_RDWR = 2;
const O_TRUNC = 0o1000;
const RENAME_EXCHANGE = 2;
const FS_IMMUTABLE_FL = 0x10;

let home: string;
let union: Operations;
let log: string[];
/** Unions that were "killed": they were not closed, so that their pseudo-links are not flushed. */
let killed: Operations[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-plinks-'));
  for (const name of ['lower/d', 'lower/e', 'upper']) mkdirSync(join(home, name), { recursive: true });
  writeFileSync(join(home, 'lower/d/a'), 'lower');
  linkSync(join(home, 'lower/d/a'), join(home, 'lower/d/b'));
  linkSync(join(home, 'lower/d/a'), join(home, 'lower/e/c'));
  writeFileSync(join(home, 'lower/d/single'), 'single');
  log = [];
  killed = [];
  union = open();
});

afterEach(() => {
  union.close();
  // Later unions have emptied the work directory of these unions, so closing them changes no entry.
  for (const one of killed) one.close();
  rmSync(home, { recursive: true });
});

function open(keepLinks = true): Operations {
  return createUnion({
    lowers: [join(home, 'lower')],
    upper: join(home, 'upper'),
    aufs: { ignoresWhiteouts: [], linkWhiteouts: true, alwaysOpaque: false, keepLinks },
    volatile: true,
    log: (line) => log.push(line),
  });
}

function remount(keepLinks = true): void {
  union.close();
  union = open(keepLinks);
}

/**
 * Simulates the death of the server: pseudo-links are not flushed, and its lock on the directory of orphans
 * is released.
 */
function die(): void {
  killed.push(union);
  renameSync(onDisk('.wh..wh.orph'), join(home, `orphans${killed.length}`));
}

function kill(): void {
  die();
  union = open();
}

/** Replaces the count of names that is stored with the only entry. */
function noteCount(count: string): void {
  const xattr = `${process.geteuid?.() === 0 ? 'trusted' : 'user'}.plyfs.origin`;
  const fd = openSync(onDisk('.wh..wh.plnk'), 'r');
  try {
    const [entry = ''] = entries();
    const [origin = ''] = (findXattr(fd, entry, xattr)?.toString('latin1') ?? '').split(' ');
    setXattr(fd, entry, xattr, Buffer.from(`${origin} ${count}`.trim(), 'latin1'));
  } finally {
    closeSync(fd);
  }
}

function name(text: string): EntryName {
  return text as EntryName;
}

function walk(path: string): NodeId {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter((one) => one !== '')) {
    const entry = union.lookup(id, name(part));
    if (entry === null) throw new Error(`${path}: ${part} is not there`);
    id = entry.nodeid;
  }
  return id;
}

function split(path: string): [NodeId, EntryName] {
  const at = path.lastIndexOf('/');
  return [walk(path.slice(0, Math.max(at, 0))), name(path.slice(at + 1))];
}

function write(path: string, text: string): void {
  const id = walk(path);
  union.open(id, O_RDWR | O_TRUNC, null);
  union.write(id, Buffer.from(text), 0, text.length, 0, null);
  union.release(id, O_RDWR);
}

function readNode(id: NodeId): string {
  const into = Buffer.alloc(100);
  return into.toString('utf8', 0, union.read(id, into, 0, 100, 0));
}

function read(path: string): string {
  const id = walk(path);
  union.open(id, O_RDONLY, null);
  const text = readNode(id);
  union.release(id, O_RDONLY);
  return text;
}

function stat(path: string): { ino: number; nlink: number; mode: number } {
  const { ino, nlink, mode } = union.getattr(walk(path)).attr;
  return { ino, nlink, mode };
}

const shows = (path: string): boolean => union.lookup(...split(path)) !== null;
const unlink = (path: string): void => union.unlink(...split(path));
const rename = (from: string, to: string, flags = 0): void => union.rename(...split(from), ...split(to), flags);

/** The names and inode numbers in a listing. */
function listed(path: string): Record<string, number> {
  const found: Record<string, number> = {};
  const sink: DirectorySink = {
    fits: () => true,
    add: (entry, ino) => {
      found[entry] = ino;
    },
    addPlus: () => undefined,
  };
  union.readdir(walk(path), 0, sink, { plus: false, noatime: false });
  return found;
}

const onDisk = (path: string): string => join(home, 'upper', path);
const entries = (): string[] => readdirSync(onDisk('.wh..wh.plnk'));
const inUpper = (path: string): string[] =>
  existsSync(onDisk(path)) ? readdirSync(onDisk(path)).filter((one) => !one.startsWith('.wh..wh.')) : [];

describe('names of one lower file', () => {
  it('are one node with one number and all links', () => {
    expect([walk('d/b'), walk('e/c')]).toEqual([walk('d/a'), walk('d/a')]);
    expect(stat('d/a').nlink).toBe(3);
    expect(listed('d')).toMatchObject({ a: stat('d/a').ino, b: stat('d/a').ino });
  });

  it('show data written through any of them; on disk, the copy has a name and an entry', () => {
    const { ino } = stat('d/b');
    write('d/a', 'copy');
    expect([read('d/a'), read('d/b'), read('e/c')]).toEqual(['copy', 'copy', 'copy']);
    for (const path of ['d/a', 'd/b', 'e/c']) expect(stat(path)).toMatchObject({ ino, nlink: 3 });
    expect(listed('d')).toMatchObject({ a: ino, b: ino });
    const copy = statSync(onDisk('d/a'));
    expect(entries()).toEqual([`${ino}.${copy.ino}`]);
    expect([copy.nlink, inUpper('d'), inUpper('e')]).toEqual([2, ['a'], []]);
    expect(readFileSync(join(home, 'lower/d/a'), 'utf8')).toBe('lower');
  });

  it('show new data to a reader that opened another name before', () => {
    const reader = walk('e/c');
    union.open(reader, O_RDONLY, null);
    write('d/b', 'copy');
    expect(readNode(reader)).toBe('copy');
    union.release(reader, O_RDONLY);
  });

  it('can be used for a change of mode, a truncation and a second copy-up', () => {
    union.setattr(walk('d/a'), { mode: 0o600 }, caller);
    union.setattr(walk('d/b'), { size: 2 }, caller);
    write('e/c', 'again');
    expect(['d/a', 'd/b', 'e/c'].map((path) => [stat(path).mode & 0o777, read(path)])).toEqual(
      Array.from({ length: 3 }, () => [0o600, 'again']),
    );
    expect(entries().length).toBe(1);
  });

  it('keep their number after the kernel has forgotten them all', () => {
    const id = walk('d/a');
    const { ino } = stat('d/a');
    write('d/b', 'copy');
    for (const path of ['d/a', 'd/b', 'e/c']) {
      union.forget(id, 1000);
      expect([stat(path).ino, read(path)]).toEqual([ino, 'copy']);
      union.forget(walk(path), 1000);
    }
  });

  it('can be those of symlinks or fifos', () => {
    symlinkSync('target', join(home, 'lower/d/s'));
    linkSync(join(home, 'lower/d/s'), join(home, 'lower/e/s'));
    union.setattr(walk('d/s'), { uid: 7, gid: 8 }, caller);
    expect(stat('e/s')).toEqual(stat('d/s'));
    expect([union.getattr(walk('e/s')).attr.uid, union.readlink(walk('e/s'))]).toEqual([7, 'target']);
    expect([inUpper('e'), entries().length]).toEqual([[], 1]);
  });

  it('are not recorded for a file with one link', () => {
    write('d/single', 'copy');
    expect([entries(), stat('d/single').nlink]).toEqual([[], 1]);
  });
});

describe('unlink', () => {
  it('of a lower name creates only a whiteout', () => {
    write('d/a', 'copy');
    unlink('d/b');
    expect([shows('d/b'), stat('d/a').nlink, read('e/c')]).toEqual([false, 2, 'copy']);
    expect(inUpper('d')).toEqual(['.wh.b', 'a']);
  });

  it('before a copy-up decreases the link count', () => {
    const { ino } = stat('d/a');
    unlink('d/a');
    expect(stat('d/b')).toMatchObject({ nlink: 2, ino });
    expect([entries(), inUpper('d')]).toEqual([[], ['.wh.a']]);
    write('e/c', 'copy');
    expect([read('d/b'), stat('d/b')]).toEqual(['copy', expect.objectContaining({ nlink: 2, ino })]);
  });

  it('of the upper name: the lower names still show the copied data', () => {
    write('d/a', 'copy');
    const { ino } = stat('d/a');
    unlink('d/a');
    expect([read('d/b'), stat('e/c')]).toEqual(['copy', expect.objectContaining({ nlink: 2, ino })]);
    expect([inUpper('d'), entries().length]).toEqual([['.wh.a'], 1]);
  });

  it('of the last name removes the entry too; the file exists until it is closed', () => {
    const id = walk('d/a');
    write('d/a', 'copy');
    union.open(id, O_RDONLY, null);
    for (const path of ['d/a', 'e/c', 'd/b']) {
      expect(entries().length).toBe(1);
      unlink(path);
    }
    expect(entries()).toEqual([]);
    expect([union.getattr(id).attr.nlink, readNode(id)]).toEqual([0, 'copy']);
    union.release(id, O_RDONLY);
  });

  it('of the name by which a node is known does not prevent a copy-up through another name', () => {
    const id = walk('d/a');
    expect(walk('d/b')).toBe(id);
    unlink('d/a');
    // The kernel knows the nodeid of `b` and opens it without a lookup.
    union.open(id, O_RDWR | O_TRUNC, null);
    union.write(id, Buffer.from('copy'), 0, 4, 0, null);
    union.release(id, O_RDWR);
    expect([read('d/b'), read('e/c'), stat('d/b').nlink]).toEqual(['copy', 'copy', 2]);
    expect([inUpper('d'), entries().length]).toEqual([['.wh.a'], 1]);
  });
});

describe('rename', () => {
  it('of a lower name creates a real link and a whiteout', () => {
    write('d/a', 'copy');
    const { ino } = stat('d/a');
    rename('e/c', 'd/moved');
    expect([shows('e/c'), read('d/moved'), stat('d/moved')]).toEqual([
      false,
      'copy',
      expect.objectContaining({ ino, nlink: 3 }),
    ]);
    expect([inUpper('e'), inUpper('d')]).toEqual([['.wh.c'], ['a', 'moved']]);
    expect(lstatSync(onDisk('d/moved')).ino).toBe(lstatSync(onDisk('d/a')).ino);
    expect([read('d/b'), listed('d')]).toEqual(['copy', expect.objectContaining({ moved: ino, a: ino, b: ino })]);
  });

  it('copies a file up at the name that moves, not at the name that was looked up first', () => {
    walk('d/a');
    rename('e/c', 'e/moved');
    expect([inUpper('d'), inUpper('e')]).toEqual([[], ['.wh.c', 'moved']]);
    expect([stat('d/a').nlink, stat('e/moved').ino]).toEqual([3, stat('d/b').ino]);
  });

  it('between two names of the file does nothing', () => {
    write('d/a', 'copy');
    rename('d/a', 'd/b');
    expect([shows('d/a'), shows('d/b'), inUpper('d')]).toEqual([true, true, ['a']]);
  });

  it('of another file onto a name of the file removes this name', () => {
    write('d/a', 'copy');
    rename('d/single', 'd/b');
    expect([read('d/b'), stat('d/a').nlink, read('e/c')]).toEqual(['single', 2, 'copy']);
    rename('d/b', 'd/a');
    expect([read('d/a'), stat('e/c').nlink, read('e/c')]).toEqual(['single', 1, 'copy']);
    unlink('e/c');
    expect(entries()).toEqual([]);
  });

  it('exchanges a lower name', () => {
    write('d/a', 'copy');
    rename('e/c', 'd/single', RENAME_EXCHANGE);
    expect([read('e/c'), read('d/single'), stat('d/single').nlink, read('d/b')]).toEqual(['single', 'copy', 3, 'copy']);
  });
});

describe('link', () => {
  it('adds a name to those of the file', () => {
    const entry = union.link(walk('d/b'), ...split('new'));
    expect(entry.attr.nlink).toBe(4);
    write('new', 'copy');
    expect(['d/a', 'd/b', 'e/c', 'new'].map((path) => [read(path), stat(path).nlink])).toEqual(
      Array.from({ length: 4 }, () => ['copy', 4]),
    );
  });
});

describe('the next mount, after a kill', () => {
  it('shows the copy through each name', () => {
    write('d/a', 'copy');
    const { ino } = stat('d/a');
    kill();
    expect([read('e/c'), read('d/b'), read('d/a')]).toEqual(['copy', 'copy', 'copy']);
    for (const path of ['d/a', 'd/b', 'e/c']) expect(stat(path)).toMatchObject({ ino, nlink: 3 });
    expect(listed('d')).toMatchObject({ a: ino, b: ino });
  });

  it('shows the copy after its upper name was removed, and after it got a new one', () => {
    write('d/a', 'copy');
    rename('d/a', 'moved');
    unlink('moved');
    kill();
    expect([read('d/b'), shows('d/a')]).toEqual(['copy', false]);
    union.link(walk('d/b'), ...split('new'));
    kill();
    expect([read('new'), read('e/c')]).toEqual(['copy', 'copy']);
  });

  it('shows the copy if the server died between the creation of its entry and of its name', () => {
    const { ino } = stat('d/a');
    write('d/a', 'copy');
    rmSync(onDisk('d/a'));
    noteCount('L+0');
    kill();
    for (const path of ['e/c', 'd/b', 'd/a'])
      expect([read(path), stat(path)]).toMatchObject(['copy', { ino, nlink: 3 }]);
    unlink('d/a');
    write('d/b', 'again');
    remount();
    expect([read('e/c'), stat('d/b').nlink, entries()]).toEqual(['again', 2, []]);
  });

  it('continues a flush during which the last server was killed', () => {
    write('d/a', 'copy');
    mkdirSync(onDisk('e'));
    noteCount('L+0');
    linkSync(onDisk('d/a'), onDisk('e/c'));
    kill();
    for (const path of ['d/a', 'd/b', 'e/c']) expect([read(path), stat(path).nlink]).toEqual(['copy', 3]);
    remount();
    expect([statSync(onDisk('d/b')).nlink, entries()]).toEqual([3, []]);
  });

  it('shows the link count that the last server showed, whatever names the file had got and lost', () => {
    const steps: readonly (() => void)[] = [
      () => write('d/a', 'copy'),
      () => union.link(walk('d/a'), ...split('new')),
      () => unlink('d/b'),
      () => rename('e/c', 'd/moved'),
      () => rename('d/single', 'd/a'),
      () => union.link(walk('d/moved'), ...split('e/c')),
      () => rename('new', 'd/moved2', 0),
      () => unlink('d/moved'),
      () => unlink('e/c'),
    ];
    const counts = steps.map((step) => {
      step();
      const names = ['d/a', 'd/b', 'e/c', 'new', 'd/moved', 'd/moved2'].filter(shows);
      const count = (): number[] => names.filter((path) => read(path) === 'copy').map((path) => stat(path).nlink);
      const before = count();
      kill();
      expect(count()).toEqual(before);
      expect(new Set(before).size).toBe(1);
      expect(before[0]).toBe(before.length);
      return before[0];
    });
    expect(counts).toEqual([3, 4, 3, 3, 2, 3, 3, 2, 1]);
  });

  it('assumes, if no count is stored, that each name of a copy hides one lower name of the file', () => {
    write('d/a', 'copy');
    noteCount('');
    kill();
    for (const path of ['d/a', 'd/b', 'e/c']) expect([read(path), stat(path).nlink]).toEqual(['copy', 3]);
  });

  it('keeps the entry as long as the file can have a lower name', () => {
    write('d/a', 'copy');
    union.link(walk('d/a'), ...split('x'));
    union.link(walk('d/a'), ...split('y'));
    kill();
    for (const path of ['x', 'y', 'd/a', 'd/b']) unlink(path);
    expect(read('e/c')).toBe('copy');
    unlink('e/c');
    remount();
    expect(entries()).toEqual([]);
  });

  it('does not change an entry that names another inode, or an object that is no entry', () => {
    const { ino } = stat('d/a');
    writeFileSync(onDisk(`.wh..wh.plnk/${ino}.1`), 'of another disk');
    writeFileSync(onDisk('.wh..wh.plnk/notes'), '');
    kill();
    expect(read('d/a')).toBe('lower');
    remount();
    expect(entries().sort()).toEqual([`${ino}.1`, 'notes']);
  });

  it('keeps data whose lower file was not looked up', () => {
    write('d/a', 'copy');
    unlink('d/a');
    die();
    // The next mount has other layers, which lack the file.
    renameSync(join(home, 'lower'), join(home, 'elsewhere'));
    mkdirSync(join(home, 'lower'));
    union = open();
    remount();
    expect(entries().length).toBe(1);
    rmSync(join(home, 'lower'), { recursive: true });
    renameSync(join(home, 'elsewhere'), join(home, 'lower'));
    remount();
    expect(read('d/b')).toBe('copy');
  });

  it('ignores an entry whose object has another type than the file', () => {
    const { ino } = stat('d/a');
    symlinkSync('x', onDisk('.wh..wh.plnk/link'));
    renameSync(
      onDisk('.wh..wh.plnk/link'),
      onDisk(`.wh..wh.plnk/${ino}.${lstatSync(onDisk('.wh..wh.plnk/link')).ino}`),
    );
    kill();
    expect([read('d/a'), read('d/b')]).toEqual(['lower', 'lower']);
  });
});

describe('the end of a mount', () => {
  it('replaces the entries by real links, in directories that keep their times', () => {
    utimesSync(join(home, 'lower/e'), 1000, 2000);
    write('d/a', 'copy');
    const { ino } = stat('d/a');
    union.close();
    const copy = statSync(onDisk('d/a'));
    expect([copy.nlink, entries()]).toEqual([3, []]);
    expect(['d/b', 'e/c'].map((path) => statSync(onDisk(path)).ino)).toEqual([copy.ino, copy.ino]);
    expect(statSync(onDisk('e')).mtimeMs).toBe(2000_000);
    union = open();
    expect(walk('d/a')).toBe(walk('e/c'));
    expect([stat('d/b').nlink, read('d/b'), ino > 0]).toEqual([3, 'copy', true]);
  });

  it('creates no link for a removed name', () => {
    write('d/a', 'copy');
    unlink('d/b');
    remount();
    expect([shows('d/b'), stat('d/a').nlink, inUpper('d').sort(), inUpper('e')]).toEqual([
      false,
      2,
      ['.wh.b', 'a'],
      ['c'],
    ]);
  });

  it('also flushes what an earlier server has left', () => {
    write('d/a', 'copy');
    kill();
    remount();
    expect([entries(), statSync(onDisk('d/a')).nlink]).toEqual([[], 3]);
  });
});

describe('flushing pseudo-links while mounted', () => {
  it('changes neither node, nor number, nor link count', () => {
    write('d/a', 'copy');
    const id = walk('d/b');
    union.open(id, O_RDONLY, null);
    const before = stat('d/a');
    union.flushPseudoLinks(caller);
    expect(entries()).toEqual([]);
    expect([stat('d/b'), stat('e/c'), walk('e/c'), readNode(id)]).toEqual([before, before, id, 'copy']);
    union.release(id, O_RDONLY);
    for (const path of ['d/a', 'd/b']) unlink(path);
    expect([read('e/c'), stat('e/c').nlink]).toEqual(['copy', 1]);
    union.forget(id, 1000);
    expect([read('e/c'), stat('e/c')]).toEqual(['copy', { ...before, nlink: 1 }]);
  });

  it('leaves no additional node', () => {
    write('d/a', 'copy');
    const before = readdirSync('/proc/self/fd').length;
    union.flushPseudoLinks(caller);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before + 4);
  });

  it('is refused to a caller that does not own the mount', () => {
    expect(() => union.flushPseudoLinks({ ...caller, uid: 12345 })).toThrow('EPERM');
  });

  it.skipIf(process.geteuid?.() !== 0)('keeps the entry of a file whose links cannot be created', () => {
    mkdirSync(join(home, 'upper/e'));
    write('d/a', 'copy');
    const fd = openSync(join(home, 'upper/e'), 'r');
    const flags = getInodeFlags(fd);
    setInodeFlags(fd, flags | FS_IMMUTABLE_FL);
    try {
      expect(() => union.flushPseudoLinks(caller)).toThrow('EPERM');
      expect([entries().length, read('e/c'), stat('e/c').nlink]).toEqual([1, 'copy', 3]);
      remount();
      expect([log.length, read('e/c')]).toEqual([1, 'copy']);
    } finally {
      setInodeFlags(fd, flags);
      closeSync(fd);
    }
  });
});

describe('a copy-up that fails', () => {
  it('leaves no entry', () => {
    walk('d/a');
    mkdirSync(onDisk('d'));
    walk('d/b');
    writeFileSync(onDisk('d/a'), 'put there by somebody else');
    chmodSync(onDisk('d/a'), 0o600);
    expect(() => write('d/b', 'copy')).toThrow('EEXIST');
    expect([entries(), read('e/c')]).toEqual([[], 'lower']);
  });
});

describe('noplink', () => {
  it('breaks hard links', () => {
    remount(false);
    write('d/a', 'copy');
    expect([read('d/a'), read('d/b'), entries()]).toEqual(['copy', 'lower', []]);
    expect(stat('d/a').ino).not.toBe(stat('d/b').ino);
  });
});
