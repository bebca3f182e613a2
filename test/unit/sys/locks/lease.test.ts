import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasNoWriters } from '../../../../src/sys/locks/lease.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';
import * as sys from '../../../harness/sys/index.js';

describe('writers of a file', () => {
  let dir: string;
  let path: string;
  let reader: number;
  beforeEach(() => {
    dir = makeScratch('lease');
    path = join(dir, 'file');
    sys.writeFile(path, 'x'.repeat(4096));
    reader = sys.open(path, sys.O_RDONLY);
  });
  afterEach(() => {
    sys.close(reader);
    removeScratch(dir);
  });

  it('do not exist if it is open or mapped only for reading', () => {
    const mapping = new sys.Mapping(reader, 4096);
    expect(hasNoWriters(reader)).toBe(true);
    mapping.unmap();
  });

  it('are processes that have it open for writing', () => {
    const writer = sys.open(path, sys.O_WRONLY);
    expect(hasNoWriters(reader)).toBe(false);
    sys.close(writer);
    expect(hasNoWriters(reader)).toBe(true);
  });

  it('are mappings, even after their descriptor is closed', () => {
    const fd = sys.open(path, sys.O_RDWR);
    const mapping = new sys.Mapping(fd, 4096, { writable: true });
    sys.close(fd);
    expect(hasNoWriters(reader)).toBe(false);
    mapping.unmap();
    expect(hasNoWriters(reader)).toBe(true);
  });

  it('can open it directly after the check, because no lease is left', () => {
    expect(hasNoWriters(reader)).toBe(true);
    sys.close(sys.open(path, sys.O_WRONLY | sys.O_NONBLOCK));
  });
});
