import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { copyData } from '../../../src/copyup/fill-data.js';

const MIB = 1 << 20;

let home: string;
let from: number;
let to: number;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-data-'));
  from = openSync(join(home, 'from'), 'w+');
  to = openSync(join(home, 'to'), 'w+');
});

afterEach(() => {
  closeSync(from);
  closeSync(to);
  rmSync(home, { recursive: true });
});

function content(file: string): Buffer {
  return readFileSync(join(home, file));
}

describe('copying data', () => {
  it('copies all of it', () => {
    writeSync(from, Buffer.alloc(3 * MIB + 17, 'plyfs'));
    copyData(from, to, 3 * MIB + 17, false);
    expect(content('to').equals(content('from'))).toBe(true);
  });

  it('copies no more than the requested length', () => {
    writeSync(from, 'abcdef');
    copyData(from, to, 3, false);
    expect(content('to').toString()).toBe('abc');
  });

  it('keeps holes at the start, between data and at the end', () => {
    writeSync(from, 'one', 8 * MIB);
    writeSync(from, 'two', 24 * MIB);
    ftruncateSync(from, 32 * MIB);
    copyData(from, to, 32 * MIB, true);
    expect(content('to').equals(content('from'))).toBe(true);
    expect(statSync(join(home, 'to')).blocks * 512).toBeLessThan(MIB);
  });

  it('sets the size of a file that is one hole', () => {
    ftruncateSync(from, 5 * MIB);
    copyData(from, to, 5 * MIB, true);
    expect(statSync(join(home, 'to'))).toMatchObject({ size: 5 * MIB, blocks: 0 });
  });

  it('fails if the source is shorter than the given length', () => {
    writeSync(from, 'short');
    expect(() => copyData(from, to, 1000, false)).toThrow('EIO');
  });
});
