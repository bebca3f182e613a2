import { fstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { DirectoryFds } from '../../../../src/union/layers/directory-fds.js';
import { Layer, RealDirectory } from '../../../../src/union/layers/layer.js';
import { OverlayDialect } from '../../../../src/whiteout/overlay/overlay-dialect.js';

const COUNT = 40;
const MAX = 4;
const MAX_PER_OPERATION = 8;

let home: string;
let layer: Layer;
let fds: DirectoryFds;
let directories: RealDirectory[];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-fds-'));
  for (let i = 0; i < COUNT; i++) mkdirSync(join(home, `d${i}/inner`), { recursive: true });
  layer = Layer.open(home, { depth: 0, isUpper: false, reader: new OverlayDialect('user'), overridesOf: () => null });
  fds = new DirectoryFds(MAX, MAX_PER_OPERATION);
  directories = Array.from({ length: COUNT }, (_, i) => new RealDirectory(layer, layer.root, `d${i}` as EntryName));
});

afterEach(() => {
  fds.close();
  layer.close();
  rmSync(home, { recursive: true });
});

function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

describe('directory fds', () => {
  it('are bounded, however many directories are used', () => {
    const before = openFds();
    for (const dir of directories) fds.get(dir);
    expect(openFds() - before).toBeLessThanOrEqual(MAX + MAX_PER_OPERATION);
  });

  it('lead to the same directory again after an eviction, also below an evicted parent', () => {
    const dir = directories[0] as RealDirectory;
    const inner = new RealDirectory(layer, dir, 'inner' as EntryName);
    const before = [dir, inner].map((each) => fstatSync(fds.get(each)).ino);
    for (const other of directories) fds.get(other);
    expect(dir.fd).toBe(-1);
    expect([inner, dir].map((each) => fstatSync(fds.get(each)).ino)).toEqual(before.reverse());
  });

  it('that one operation gets are all open at its end', () => {
    const taken = directories.slice(0, MAX + MAX_PER_OPERATION).map((dir) => fds.get(dir));
    expect(new Set(taken).size).toBe(MAX + MAX_PER_OPERATION);
    for (const fd of taken) expect(fstatSync(fd).isDirectory()).toBe(true);
  });

  it('are closed when the bound is lowered, and opened again when it is raised', () => {
    const shared = new DirectoryFds(20, 4);
    try {
      const before = openFds();
      for (const dir of directories) shared.get(dir);
      shared.setMax(10);
      expect(openFds() - before).toBe(10 + 4);
      for (const dir of directories) shared.get(dir);
      expect(openFds() - before).toBe(10 + 4);
      // Never more than at first.
      shared.setMax(30);
      for (const dir of directories) shared.get(dir);
      expect(openFds() - before).toBe(20 + 4);
    } finally {
      shared.close();
    }
  });

  it('are closed when files are opened, and opened again when files are closed', () => {
    const small = new DirectoryFds(20, 4, 24);
    try {
      const before = openFds();
      for (const dir of directories) small.get(dir);
      expect(openFds() - before).toBe(20 + 4);
      for (let files = 1; files <= 30; files++) small.leaveRoomForFiles(files);
      expect(openFds() - before).toBe(4 + 4);
      for (const dir of directories) small.get(dir);
      expect(openFds() - before).toBe(4 + 4);
      small.leaveRoomForFiles(10);
      for (const dir of directories) small.get(dir);
      expect(openFds() - before).toBe(14 + 4);
      small.leaveRoomForFiles(0);
      for (const dir of directories) small.get(dir);
      expect(openFds() - before).toBe(20 + 4);
    } finally {
      small.close();
    }
  });

  it('remain open after each eviction if they are pinned', () => {
    const dir = directories[0] as RealDirectory;
    fds.pin(dir);
    const { fd } = dir;
    for (const other of directories) fds.get(other);
    expect(fds.get(dir)).toBe(fd);
    expect(fstatSync(fd).isDirectory()).toBe(true);
    fds.drop(dir);
    expect(dir.fd).toBe(-1);
  });
});
