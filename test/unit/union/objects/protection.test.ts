/**
 * Append-only files as they are written through the Operations contract: what no system call on a mount can
 * show.
 */
import { linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { FS_APPEND_FL } from '../../../../src/core/flags.js';
import type { Operations } from '../../../../src/fuse/operations.js';
import { createUnion, defaultOverlay, type OverlaySettings, xattrNamespace } from '../../../../src/union/index.js';

const O_WRONLY = 1;
const O_APPEND = 0o2000;

let home: string;
let union: Operations;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'plyfs-protection-'));
  for (const name of ['lower', 'upper', 'work']) mkdirSync(join(home, name));
  writeFileSync(join(home, 'lower/log'), 'first.');
  linkSync(join(home, 'lower/log'), join(home, 'lower/link'));
  mount();
});

function mount(overlay?: OverlaySettings): void {
  const at = (name: string): string => join(home, name);
  union = createUnion({
    lowers: [at('lower')],
    upper: at('upper'),
    work: at('work'),
    volatile: true,
    log: () => {},
    ...(overlay === undefined ? {} : { overlay }),
  });
}

afterEach(() => {
  union.close();
  rmSync(home, { recursive: true });
});

function find(name: string): NodeId {
  const entry = union.lookup(ROOT_ID, name as EntryName);
  if (entry === null) throw new Error(`${name} is not there`);
  return entry.nodeid;
}

function write(id: NodeId, text: string, offset: number): void {
  expect(union.write(id, Buffer.from(text), 0, text.length, offset, null)).toBe(text.length);
}

it('is written only at its end, even if the descriptor has lost O_APPEND', () => {
  const id = find('log');
  union.setFlags(id, union.getFlags(id) | FS_APPEND_FL);
  expect(() => union.open(id, O_WRONLY, null)).toThrow('EPERM');
  union.open(id, O_WRONLY | O_APPEND, null);
  write(id, 'second.', 0);
  union.release(id, O_WRONLY);
  expect(readFileSync(join(home, 'upper/log'), 'utf8')).toBe('first.second.');
});

it('can be written anywhere again by an open after its protection was removed, also while it is open', () => {
  const id = find('log');
  union.setFlags(id, union.getFlags(id) | FS_APPEND_FL);
  union.open(id, O_WRONLY | O_APPEND, null);
  union.setFlags(id, union.getFlags(id) & ~FS_APPEND_FL);
  union.open(id, O_WRONLY, null);
  write(id, 'FIRST', 0);
  expect(readFileSync(join(home, 'upper/log'), 'utf8')).toBe('FIRST.');
  union.release(id, O_WRONLY);
  union.release(id, O_WRONLY);
});

it('is written only at its end also while a reader has it open', () => {
  const id = find('log');
  union.open(id, 0, null);
  union.setFlags(id, union.getFlags(id) | FS_APPEND_FL);
  union.open(id, O_WRONLY | O_APPEND, null);
  write(id, 'second.', 0);
  expect(readFileSync(join(home, 'upper/log'), 'utf8')).toBe('first.second.');
  union.release(id, O_WRONLY);
  union.release(id, 0);
});

it('protects a file with several links under each name, also under names that the upper lacks', () => {
  const overlay = { ...defaultOverlay(xattrNamespace()), index: true };
  union.close();
  mount(overlay);
  union.setFlags(find('log'), union.getFlags(find('log')) | FS_APPEND_FL);
  union.close();
  mount(overlay);
  const id = find('link');
  expect(union.getFlags(id) & FS_APPEND_FL).toBe(FS_APPEND_FL);
  expect(() => union.open(id, O_WRONLY, null)).toThrow('EPERM');
  expect(() => union.unlink(ROOT_ID, 'link' as EntryName)).toThrow('EPERM');
});
