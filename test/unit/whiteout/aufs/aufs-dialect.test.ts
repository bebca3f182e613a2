import {
  closeSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { FileStat } from '../../../../src/core/file-stat.js';
import { prepareBranch } from '../../../../src/whiteout/aufs/aufs-branch.js';
import { AufsDialect } from '../../../../src/whiteout/aufs/aufs-dialect.js';
import { AufsHiding } from '../../../../src/whiteout/aufs/aufs-hiding.js';
import { MarkerMaker } from '../../../../src/whiteout/aufs/aufs-marks.js';
import { AufsReader } from '../../../../src/whiteout/aufs/aufs-reader.js';
import type { MovePlan } from '../../../../src/whiteout/dialect.js';
import { WorkDirectory } from '../../../../src/whiteout/work/work-directory.js';

let branch: string;
let root: number;
let work: WorkDirectory;
let hiding: AufsHiding;
const reader = new AufsReader('rw');

beforeEach(() => {
  branch = mkdtempSync(join(tmpdir(), 'plyfs-aufs-'));
  root = openSync(branch, 'r');
  prepareBranch(root);
  work = WorkDirectory.openInside(root, '.wh..wh.orph', () => {});
  hiding = new AufsHiding(work, new MarkerMaker(root, true));
});

afterEach(() => {
  work.close();
  closeSync(root);
  rmSync(branch, { recursive: true });
});

const name = (text: string): EntryName => text as EntryName;
const at = (path: string): string => join(branch, path);
const presence = (entry: string): string => reader.probe(root, name(entry), new FileStat());
/** The entries of the branch, without its bookkeeping. */
const entries = (): string[] => readdirSync(branch).filter((entry) => !entry.startsWith('.wh..wh.'));
const orphans = (): string[] => readdirSync(at('.wh..wh.orph'));

function move(plan: Partial<MovePlan>): void {
  hiding.move({
    from: root,
    name: name('old'),
    to: root,
    newName: name('new'),
    hideSource: false,
    ontoWhiteout: false,
    isDirectory: false,
    ...plan,
  });
}

describe('a writable branch', () => {
  it('has the base of its whiteouts and two directories of its own', () => {
    expect(readdirSync(branch).sort()).toEqual(['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']);
    expect(lstatSync(at('.wh..wh.aufs')).mode & 0o7777).toBe(0o444);
    expect(lstatSync(at('.wh..wh.plnk')).mode & 0o7777).toBe(0o700);
  });

  it('keeps its entries when it is prepared again; EIO if one of the names has an object of another type', () => {
    const { ino } = lstatSync(at('.wh..wh.aufs'));
    prepareBranch(root);
    expect(lstatSync(at('.wh..wh.aufs')).ino).toBe(ino);
    rmSync(at('.wh..wh.plnk'), { recursive: true });
    symlinkSync('/etc', at('.wh..wh.plnk'));
    expect(() => prepareBranch(root)).toThrow('EIO');
  });
});

describe('reading a branch', () => {
  it('a whiteout hides its name, and neither is an entry', () => {
    hiding.hide(root, name('gone'));
    writeFileSync(at('there'), '');
    const seen: string[] = [];
    reader.list(root, { entry: (entry) => seen.push(entry), whiteout: (entry) => seen.push(`-${entry}`) });
    expect(seen.sort()).toEqual(['-gone', 'there']);
    expect([presence('gone'), presence('there'), presence('absent')]).toEqual(['whiteout', 'present', 'absent']);
  });

  it('a branch that is ro without +wh hides nothing', () => {
    hiding.hide(root, name('gone'));
    mkdirSync(at('d'));
    hiding.markOpaque(root, 'd');
    const plain = new AufsReader('ro');
    const seen: string[] = [];
    plain.list(root, { entry: (entry) => seen.push(entry), whiteout: (entry) => seen.push(`-${entry}`) });
    expect(seen).toEqual(['d']);
    expect(plain.probe(root, name('gone'), new FileStat())).toBe('absent');
    expect(plain.isOpaque(root, name('d'))).toBe(false);
    expect(reader.isOpaque(root, name('d'))).toBe(true);
  });

  it('an entry beside its whiteout is shown, and a directory is opaque', () => {
    mkdirSync(at('d'));
    hiding.hide(root, name('d'));
    expect(presence('d')).toBe('present');
    expect(reader.isOpaque(root, name('d'))).toBe(true);
  });

  it('the search for an opaque marker does not follow a symlink', () => {
    mkdirSync(at('d'));
    hiding.markOpaque(root, 'd');
    symlinkSync('d', at('s'));
    expect(() => reader.isOpaque(root, name('s'))).toThrow(/ENOTDIR|ELOOP/);
  });

  it('a whiteout that is not a regular file: EIO', () => {
    mkdirSync(at('.wh.x'));
    expect(() => presence('x')).toThrow('EIO');
  });
});

describe('hiding in the aufs dialect', () => {
  it('whiteouts and opaque markers are links to the base', () => {
    mkdirSync(at('d'));
    hiding.hide(root, name('a'));
    hiding.hide(root, name('a'));
    hiding.markOpaque(root, 'd');
    const { ino } = lstatSync(at('.wh..wh.aufs'));
    expect([lstatSync(at('.wh.a')).ino, lstatSync(at('d/.wh..wh..opq')).ino]).toEqual([ino, ino]);
  });

  it('they are separate files with nolwh, or if the base does not exist', () => {
    const single = new AufsHiding(work, new MarkerMaker(root, false));
    single.hide(root, name('a'));
    rmSync(at('.wh..wh.aufs'));
    hiding.hide(root, name('b'));
    for (const whiteout of ['.wh.a', '.wh.b']) {
      const { nlink, mode, size } = lstatSync(at(whiteout));
      expect([nlink, mode & 0o7777, size]).toEqual([1, 0o444, 0]);
    }
  });

  it('they are separate files if the base cannot have more links', () => {
    // ext4 allows 65,000 links; a file system that allows more cannot be used for this test.
    for (let i = 0; i < 65_001; i++) {
      try {
        linkSync(at('.wh..wh.aufs'), at(`link${i}`));
      } catch {
        break;
      }
    }
    hiding.hide(root, name('late'));
    expect(presence('late')).toBe('whiteout');
  });

  it('marking a directory keeps its times', () => {
    mkdirSync(at('d'));
    utimesSync(at('d'), 1000, 2000);
    hiding.markOpaque(root, 'd');
    expect(lstatSync(at('d')).mtimeMs).toBe(2_000_000);
  });

  it('a file is removed and hidden', () => {
    writeFileSync(at('f'), 'x');
    hiding.removeAndHide(root, name('f'));
    expect(entries()).toEqual(['.wh.f']);
  });

  it('a directory is removed with the whiteouts in it', () => {
    for (const hide of [true, false]) {
      mkdirSync(at('d'));
      writeFileSync(at('d/.wh.inside'), '');
      hiding.removeDirectory(root, name('d'), hide);
      expect(entries()).toEqual(hide ? ['.wh.d'] : []);
      rmSync(at('.wh.d'), { force: true });
    }
    expect(orphans()).toEqual([]);
  });

  it('a change that fails removes the whiteout that it created', () => {
    expect(() => hiding.removeAndHide(root, name('absent'))).toThrow('ENOENT');
    mkdirSync(at('d'));
    expect(() => hiding.removeAndHide(root, name('d'))).toThrow('EISDIR');
    expect(() => move({ name: name('absent'), hideSource: true })).toThrow('ENOENT');
    expect(entries()).toEqual(['d']);
  });

  it('a change that fails keeps a whiteout that existed before', () => {
    hiding.hide(root, name('old'));
    expect(() => move({ hideSource: true })).toThrow('ENOENT');
    expect(entries()).toEqual(['.wh.old']);
  });

  it('a staged object replaces a whiteout', () => {
    hiding.hide(root, name('f'));
    writeFileSync(at('.wh..wh.orph/staged'), 'new');
    hiding.publishOverWhiteout('staged', root, name('f'));
    expect(entries()).toEqual(['f']);
    expect(readFileSync(at('f'), 'utf8')).toBe('new');
  });

  it('a moved file leaves its name hidden and removes the whiteout of the new name', () => {
    writeFileSync(at('old'), 'x');
    hiding.hide(root, name('new'));
    move({ hideSource: true, ontoWhiteout: true });
    expect(entries().sort()).toEqual(['.wh.old', 'new']);
  });

  it('a directory replaces one that contains only whiteouts', () => {
    for (const directory of ['old', 'new']) {
      mkdirSync(at(directory));
      hiding.markOpaque(root, directory);
    }
    writeFileSync(at('old/own'), '');
    writeFileSync(at('new/.wh.gone'), '');
    move({ isDirectory: true });
    expect(entries()).toEqual(['new']);
    expect(readdirSync(at('new')).sort()).toEqual(['.wh..wh..opq', 'own']);
    expect(orphans()).toEqual([]);
  });
});

describe('the directory of orphans', () => {
  it('is emptied when the branch is opened after a kill', () => {
    work.close();
    mkdirSync(at('.wh..wh.orph/left/deep'), { recursive: true });
    work = WorkDirectory.openInside(root, '.wh..wh.orph', () => {});
    expect(orphans()).toEqual([]);
    expect(existsSync(at('.wh..wh.aufs'))).toBe(true);
  });
});

describe('the dialect', () => {
  const dialect = new AufsDialect({ xattrs: 'trusted', alwaysOpaque: false });

  it('reserves .wh. names', () => {
    expect(dialect.refuseName(name('.wh.x'))).toBe(1);
    expect(dialect.refuseName(name('.wh'))).toBe(0);
  });

  it.each([
    ['in lower branches, empty', { inUpper: false, inLower: true, empty: true, bare: false }, true],
    ['in lower branches, with entries', { inUpper: false, inLower: true, empty: false, bare: false }, false],
    ['only in the upper', { inUpper: true, inLower: false, empty: false, bare: true }, true],
    ['in both, with bare lower parts', { inUpper: true, inLower: true, empty: false, bare: true }, true],
    ['in both, with entries in the lower parts', { inUpper: true, inLower: true, empty: true, bare: false }, false],
  ])('decides whether a directory can move: %s (%#)', (_, { inUpper, inLower, empty, bare }, may) => {
    expect(dialect.mayMove({ inUpper, inLower, isEmpty: () => empty, lowersAreBare: () => bare })).toBe(may);
  });
});
