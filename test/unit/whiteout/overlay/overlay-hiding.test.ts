import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { FileStat } from '../../../../src/core/file-stat.js';
import { OverlayDialect } from '../../../../src/whiteout/overlay/overlay-dialect.js';
import { OverlayHiding } from '../../../../src/whiteout/overlay/overlay-hiding.js';
import { WorkDirectory } from '../../../../src/whiteout/work/work-directory.js';

let home: string;
let upper: number;
let work: WorkDirectory;
let hiding: OverlayHiding;
const namespace = process.geteuid?.() === 0 ? 'trusted' : 'user';
const dialect = new OverlayDialect(namespace);

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-hiding-'));
  mkdirSync(join(home, 'upper'));
  mkdirSync(join(home, 'work'));
  upper = openSync(join(home, 'upper'), 'r');
  work = WorkDirectory.open(join(home, 'work'), () => {});
  hiding = new OverlayHiding(work, dialect);
});

afterEach(() => {
  hiding.close();
  work.close();
  closeSync(upper);
  rmSync(home, { recursive: true });
});

function name(text: string): EntryName {
  return text as EntryName;
}

function at(path: string): string {
  return join(home, 'upper', path);
}

function presence(path: string): string {
  return dialect.probe(upper, name(path), new FileStat());
}

function leftovers(): string[] {
  hiding.close();
  return readdirSync(join(home, 'work/work'));
}

describe('hiding in the overlay dialect', () => {
  it('creates a character device 0:0; all whiteouts of a mount share one inode', () => {
    hiding.hide(upper, name('a'));
    hiding.hide(upper, name('b'));
    const stat = lstatSync(at('a'));
    expect([stat.isCharacterDevice(), stat.rdev]).toEqual([true, 0]);
    expect(lstatSync(at('b')).ino).toBe(stat.ino);
    expect(presence('a')).toBe('whiteout');
    expect(leftovers()).toEqual([]);
  });

  it('puts a whiteout in place of a file in one step', () => {
    writeFileSync(at('f'), 'x');
    hiding.removeAndHide(upper, name('f'));
    expect(presence('f')).toBe('whiteout');
    expect(leftovers()).toEqual([]);
  });

  it('puts a whiteout in place of a directory that contains only whiteouts', () => {
    mkdirSync(at('d'));
    const inner = openSync(at('d'), 'r');
    hiding.hide(inner, name('gone'));
    closeSync(inner);
    hiding.removeDirectory(upper, name('d'), true);
    expect(presence('d')).toBe('whiteout');
    expect(leftovers()).toEqual([]);
  });

  it('moves a directory over one that contains only whiteouts', () => {
    mkdirSync(at('old/own'), { recursive: true });
    mkdirSync(at('new'));
    const inner = openSync(at('new'), 'r');
    hiding.hide(inner, name('gone'));
    closeSync(inner);
    hiding.move({
      from: upper,
      name: name('old'),
      to: upper,
      newName: name('new'),
      hideSource: true,
      ontoWhiteout: false,
      isDirectory: true,
    });
    expect(presence('old')).toBe('whiteout');
    expect(readdirSync(at('new'))).toEqual(['own']);
    expect(leftovers()).toEqual([]);
  });

  it('moves a file and leaves the old name hidden', () => {
    writeFileSync(at('old'), 'x');
    hiding.move({
      from: upper,
      name: name('old'),
      to: upper,
      newName: name('new'),
      hideSource: true,
      ontoWhiteout: false,
      isDirectory: false,
    });
    expect(presence('old')).toBe('whiteout');
    expect(readFileSync(at('new'), 'utf8')).toBe('x');
  });

  it('moves a directory over a whiteout, and leaves no whiteout', () => {
    mkdirSync(at('d'));
    hiding.hide(upper, name('w'));
    hiding.move({
      from: upper,
      name: name('d'),
      to: upper,
      newName: name('w'),
      hideSource: false,
      ontoWhiteout: true,
      isDirectory: true,
    });
    expect(existsSync(at('d'))).toBe(false);
    expect(lstatSync(at('w')).isDirectory()).toBe(true);
  });
});

describe('the work directory', () => {
  it('is emptied when it is opened after a kill', () => {
    work.close();
    const inside = join(home, 'work/work');
    mkdirSync(join(inside, '#1/deep/er'), { recursive: true });
    writeFileSync(join(inside, '#2'), 'half a file');
    work = WorkDirectory.open(join(home, 'work'), () => {});
    expect(readdirSync(inside)).toEqual([]);
  });

  it.each([
    ['a file', (at: string) => writeFileSync(at, '')],
    ['a symlink', (at: string) => symlinkSync('..', at)],
  ])('is created in place of %s', (_, make) => {
    work.close();
    const inside = join(home, 'work/work');
    rmSync(inside, { recursive: true });
    make(inside);
    work = WorkDirectory.open(join(home, 'work'), () => {});
    expect(lstatSync(inside).isDirectory()).toBe(true);
  });

  it('is refused if the kernel has marked it as incompatible', () => {
    work.close();
    mkdirSync(join(home, 'work/work/incompat/volatile'), { recursive: true });
    expect(() => WorkDirectory.open(join(home, 'work'), () => {})).toThrow('EINVAL');
    rmSync(join(home, 'work/work/incompat'), { recursive: true });
    work = WorkDirectory.open(join(home, 'work'), () => {});
  });

  it('is not emptied while another mount uses it', () => {
    const lines: string[] = [];
    writeFileSync(join(home, 'work/work/#in-use'), '');
    const second = WorkDirectory.open(join(home, 'work'), (line) => lines.push(line));
    second.close();
    expect(readdirSync(join(home, 'work/work'))).toEqual(['#in-use']);
    expect(lines).toHaveLength(1);
    rmSync(join(home, 'work/work/#in-use'));
  });

  it('is not emptied by a third mount while the second uses it, even after the first has ended', () => {
    const path = join(home, 'shared');
    mkdirSync(path);
    const lines: string[] = [];
    const open = (): WorkDirectory => WorkDirectory.open(path, (line) => lines.push(line));
    const first = open();
    const second = open();
    first.close();
    writeFileSync(join(path, 'work/#in-use'), '');
    const third = open();
    expect(readdirSync(join(path, 'work'))).toEqual(['#in-use']);
    expect(lines).toHaveLength(2);
    expect(() => WorkDirectory.open(path, () => undefined, { exclusive: true })).toThrow('EBUSY');
    second.close();
    third.close();
    open().close();
    expect(readdirSync(join(path, 'work'))).toEqual([]);
  });
});
