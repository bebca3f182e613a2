/** Layers with metacopies, and a union over them whose operations a test calls directly. */
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../src/core/brand.js';
import { O_RDONLY, O_WRONLY } from '../../../src/core/flags.js';
import type { Attributes, Operations } from '../../../src/fuse/operations.js';
import { getXattr, setXattr } from '../../../src/sys/files/xattr.js';
import { createUnion, defaultOverlay, type OverlaySettings } from '../../../src/union/index.js';

const xattrs = process.geteuid?.() === 0 ? 'trusted' : 'user';
export const REDIRECT = `${xattrs}.overlay.redirect`;
export const METACOPY = `${xattrs}.overlay.metacopy`;
const LOWERS = ['l1', 'l2', 'l3', 'd1', 'd2'];

/** The directory that contains all layers. */
export let home: string;
export let union: Operations;
export let log: string[];

/** Makes empty layers before each test of the file; ends the union and removes the layers after it. */
export function useMetacopyLayers(): void {
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'plyfs-metacopies-'));
    for (const name of [...LOWERS, 'upper', 'work']) mkdirSync(join(home, name));
    log = [];
  });

  afterEach(() => {
    union.close();
    rmSync(home, { recursive: true });
  });
}

/** Opens the union. With `dataLayers` in the settings, the last layers are data-only ones. */
export function mount(settings: Partial<OverlaySettings> = {}, lowers = ['l1', 'l2', 'l3']): void {
  const names = settings.dataLayers === undefined ? lowers : [...lowers, ...LOWERS.slice(-settings.dataLayers)];
  union = createUnion({
    lowers: names.map((name) => join(home, name)),
    upper: join(home, 'upper'),
    work: join(home, 'work'),
    overlay: { ...defaultOverlay(xattrs), redirect: 'on', metacopy: true, ...settings },
    volatile: true,
    log: (line) => log.push(line),
  });
}

/** Closes the union and opens it again, so that it knows only what is on disk. */
export function remount(): void {
  union.close();
  mount();
}

export function rename(from: string, to: string, flags = 0): void {
  const [fromDir, toDir] = [dirname(from), dirname(to)].map((path) => look(path === '.' ? '' : path).nodeid);
  const base = (path: string): EntryName => path.slice(path.lastIndexOf('/') + 1) as EntryName;
  union.rename(fromDir as NodeId, base(from), toDir as NodeId, base(to), flags);
}

/** Makes a file with data. */
export function whole(path: string, text = path): void {
  mkdirSync(dirname(join(home, path)), { recursive: true });
  writeFileSync(join(home, path), text);
}

/** Runs `body` with an fd of a file of a layer. */
export function onReal<T>(path: string, body: (fd: number) => T): T {
  const fd = openSync(join(home, path), 'r');
  try {
    return body(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a metacopy of `size` bytes without data. */
export function metacopy(path: string, size: number, redirect?: string, value = ''): void {
  whole(path, '');
  truncateSync(join(home, path), size);
  onReal(path, (fd) => {
    setXattr(fd, '', METACOPY, Buffer.from(value, 'latin1'));
    if (redirect !== undefined) setXattr(fd, '', REDIRECT, Buffer.from(redirect));
  });
}

/** The value of a private xattr of a file of a layer. */
export function markOf(path: string, xattr: string): string | undefined {
  return onReal(path, (fd) => getXattr(fd, '', xattr)?.toString('latin1'));
}

/** Looks up a path in the union. */
export function look(path: string): { nodeid: NodeId; attr: Attributes['attr'] } {
  let id: NodeId = ROOT_ID;
  for (const part of path.split('/').filter((piece) => piece !== '')) {
    const entry = union.lookup(id, part as EntryName);
    if (entry === null) throw new Error(`${path}: lookup did not find ${part}`);
    id = entry.nodeid;
  }
  return { nodeid: id, attr: { ...union.getattr(id).attr } as Attributes['attr'] };
}

/** The content of an open file. */
export function contentOf(id: NodeId): string {
  const into = Buffer.alloc(1 << 16);
  return into.toString('latin1', 0, union.read(id, into, 0, into.length, 0));
}

/** The content of a file, read through the union. */
export function read(path: string): string {
  const { nodeid } = look(path);
  union.open(nodeid, O_RDONLY, null);
  try {
    return contentOf(nodeid);
  } finally {
    union.release(nodeid, O_RDONLY);
  }
}

/** The names in a directory, without those that begin with a dot. */
export function listed(path: string): string[] {
  const names: string[] = [];
  const sink = {
    fits: () => true,
    add: (name: EntryName) => names.push(name) > 0,
    addPlus: (name: EntryName) => names.push(name) > 0,
  };
  union.readdir(look(path).nodeid, 0, sink, { plus: true, noatime: false });
  return names.filter((name) => !name.startsWith('.')).sort();
}

export const CALLER = { uid: 0, gid: 0, pid: 1, umask: 0 };

export function chmod(path: string, mode: number): void {
  union.setattr(look(path).nodeid, { mode }, CALLER);
}

/** Opens a file, writes at its start, and closes it. */
export function write(path: string, text: string, flags = O_WRONLY): void {
  const { nodeid } = look(path);
  union.open(nodeid, flags, null);
  const from = Buffer.from(text, 'latin1');
  if (text !== '') union.write(nodeid, from, 0, from.length, 0, null);
  union.release(nodeid, flags);
}

/** More than one request copies. Copies by a helper thread are tested on mounts. */
export const LARGE = 3 << 20;
