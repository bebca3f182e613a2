/**
 * Random changes of names, with a kernel that forgets names and files at any moment. As long as the kernel
 * knows a file, by a name or by an open descriptor, each name of the file leads to the same node, and no
 * other name does.
 */
import { linkSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type EntryName, type NodeId, ROOT_ID } from '../../../../src/core/brand.js';
import { DT_DIR } from '../../../../src/core/file-mode.js';
import type { DirectorySink, Entry, Operations } from '../../../../src/fuse/operations.js';
import { defaultOverlay } from '../../../../src/union/index.js';
import type { UnionConfig } from '../../../../src/union/union-config.js';
import { Random } from '../../../harness/random.js';
import { makeUnionHome, openUnion } from '../../../harness/union-without-mount.js';

const isRoot = process.geteuid?.() === 0;
const xattrs = isRoot ? 'trusted' : 'user';
const CALLER = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, pid: process.pid, umask: 0o022 };
const O_RDONLY = 0;
const O_RDWR = 2;
const RENAME_EXCHANGE = 2;
/** The environment variable PLYFS_ORDERS tries more orders. */
const SEEDS = Array.from({ length: Number(process.env.PLYFS_ORDERS ?? 12) }, (_, i) => i + 1);
const STEPS = 150;
const NAMES = ['a', 'b', 'c'];
const DIRECTORIES = ['d', 'e', 'new'];

const KINDS = [
  ...(['create', 'write', 'hold', 'release', 'link', 'link', 'unlink', 'rename', 'exchange'] as const),
  ...(['forget', 'forget', 'list', 'check', 'flush', 'tmpfile'] as const),
];

interface File {
  readonly names: Set<string>;
  text: string;
  /** Whether links of a lower file remain links after a copy-up. If not, their counts are not compared. */
  readonly counts: boolean;
}

/** The kernel's state of one nodeid. */
interface Inode {
  readonly file: File;
  nlookup: number;
  opens: number;
}

/** A kernel with one caller, and the files that a plain file system would show to it. */
class Kernel {
  private readonly files = new Map<string, File>();
  private readonly dentries = new Map<string, NodeId>();
  private readonly inodes = new Map<NodeId, Inode>();
  private readonly held: NodeId[] = [];
  private readonly directories = new Map<string, NodeId>();
  private written = 0;

  constructor(
    private readonly union: Operations,
    private readonly random: Random,
  ) {
    for (const name of DIRECTORIES) {
      const made = name === 'new' ? union.mkdir(ROOT_ID, name as EntryName, 0o755, CALLER) : null;
      const entry = made ?? union.lookup(ROOT_ID, name as EntryName);
      if (entry === null) throw new Error(`${name} is not there`);
      this.directories.set(name, entry.nodeid);
    }
  }

  /** Adds a file that has these names in a layer. */
  lay(names: readonly string[], text: string, counts: boolean): void {
    const file = { names: new Set(names), text, counts };
    for (const name of names) this.files.set(name, file);
  }

  /** Makes one random change. Returns its description. */
  step(): string {
    const [path, other] = [this.anyPath(), this.anyPath()];
    const kind = this.random.pick(KINDS);
    this.changes[kind](path, other, this.files.get(path));
    return `${kind} ${path} ${other}`;
  }

  /** Makes a change to `path`, another name and the file that has the first name, if there is one. */
  private readonly changes: Record<
    (typeof KINDS)[number],
    (path: string, other: string, file: File | undefined) => void
  > = {
    create: (path, _, file) => {
      if (file === undefined) this.create(path);
    },
    write: (path, _, file) => {
      if (file !== undefined) this.write(path, file);
    },
    hold: (path, _, file) => {
      if (file !== undefined) this.hold(this.look(path));
    },
    release: () => this.release(),
    link: (path, other, file) => {
      if (file !== undefined && !this.files.has(other)) this.link(path, other, file);
    },
    unlink: (path, _, file) => {
      if (file === undefined) return;
      this.look(path);
      this.union.unlink(...this.at(path));
      this.lose(path);
    },
    rename: (path, other, file) => {
      if (file !== undefined) this.rename(path, other, file, this.files.get(other));
    },
    exchange: (path, other, file) => {
      const target = this.files.get(other);
      if (file !== undefined && target !== undefined && target !== file) this.exchange(path, other, file, target);
    },
    forget: (path) => this.dropDentry(path),
    list: (path) => this.list(path.slice(0, path.indexOf('/'))),
    flush: () => this.union.flushPseudoLinks(CALLER),
    tmpfile: (path, _, file) => {
      if (file === undefined) this.tmpfile(path);
    },
    check: () => {
      for (const name of this.files.keys()) this.look(name);
    },
  };

  close(): void {
    while (this.held.length > 0) this.release();
  }

  private anyPath(): string {
    return `${this.random.pick(DIRECTORIES)}/${this.random.pick(NAMES)}`;
  }

  private at(path: string): [NodeId, EntryName] {
    const [dir = '', name = ''] = path.split('/');
    return [this.directories.get(dir) ?? ROOT_ID, name as EntryName];
  }

  /** The node of a name. It is looked up if the kernel does not know it. */
  private look(path: string): NodeId {
    const known = this.dentries.get(path);
    if (known !== undefined) return known;
    const entry = this.union.lookup(...this.at(path));
    if (entry === null) throw new Error(`${path} is not there`);
    return this.take(path, entry);
  }

  /** Records an entry that the union has returned. */
  private take(path: string, { nodeid, attr }: Entry): NodeId {
    const file = this.files.get(path);
    if (file === undefined) throw new Error(`${path} is there`);
    const inode = this.inodes.get(nodeid) ?? { file, nlookup: 0, opens: 0 };
    expect(inode.file === file, `${path} leads to the node of ${[...inode.file.names]}`).toBe(true);
    const others = [...this.inodes].filter(([id, each]) => id !== nodeid && each.file === file);
    expect(others, `nodes of ${path} beside ${nodeid}`).toEqual([]);
    if (file.counts) expect(attr.nlink, `links of ${path}`).toBe(file.names.size);
    inode.nlookup++;
    this.inodes.set(nodeid, inode);
    this.dentries.set(path, nodeid);
    return nodeid;
  }

  private dropDentry(path: string): void {
    const nodeid = this.dentries.get(path);
    this.dentries.delete(path);
    if (nodeid !== undefined) this.evict(nodeid);
  }

  /** Makes the kernel forget a node that nothing refers to. */
  private evict(nodeid: NodeId): void {
    const inode = this.inodes.get(nodeid);
    if (inode === undefined || inode.opens > 0 || [...this.dentries.values()].includes(nodeid)) return;
    this.inodes.delete(nodeid);
    this.union.forget(nodeid, inode.nlookup);
  }

  private create(path: string): void {
    this.files.set(path, { names: new Set([path]), text: '', counts: true });
    const { entry } = this.union.create(...this.at(path), { mode: 0o644, flags: O_RDWR }, CALLER);
    const nodeid = this.take(path, entry);
    this.union.release(nodeid, O_RDWR);
  }

  /** Creates a file that gets its first name while it is open (O_TMPFILE). */
  private tmpfile(path: string): void {
    const [dir] = this.at(path);
    const { entry } = this.union.tmpfile(dir, { mode: 0o644, flags: O_RDWR }, CALLER);
    const { nodeid } = entry;
    const file = { names: new Set([path]), text: '', counts: true };
    this.inodes.set(nodeid, { file, nlookup: 1, opens: 0 });
    this.files.set(path, file);
    expect(this.take(path, this.union.link(nodeid, ...this.at(path)))).toBe(nodeid);
    this.union.release(nodeid, O_RDWR);
  }

  private write(path: string, file: File): void {
    file.text = `text ${String(++this.written).padStart(6, '0')}`;
    const nodeid = this.look(path);
    this.union.open(nodeid, O_RDWR, null);
    this.union.write(nodeid, Buffer.from(file.text), 0, file.text.length, 0, null);
    this.union.release(nodeid, O_RDWR);
  }

  private hold(nodeid: NodeId): void {
    this.union.open(nodeid, O_RDONLY, null);
    this.held.push(nodeid);
    const inode = this.inodes.get(nodeid);
    if (inode !== undefined) inode.opens++;
  }

  private release(): void {
    const [nodeid] = this.held.splice(this.random.int(this.held.length), 1);
    const inode = nodeid === undefined ? undefined : this.inodes.get(nodeid);
    if (nodeid === undefined || inode === undefined) return;
    const into = Buffer.alloc(20);
    const size = this.union.read(nodeid, into, 0, 20, 0);
    expect(into.toString('latin1', 0, size)).toBe(inode.file.text);
    if (inode.file.counts) expect(this.union.getattr(nodeid).attr.nlink).toBe(inode.file.names.size);
    this.union.release(nodeid, O_RDONLY);
    inode.opens--;
    this.evict(nodeid);
  }

  private link(path: string, to: string, file: File): void {
    const nodeid = this.look(path);
    file.names.add(to);
    this.files.set(to, file);
    expect(this.take(to, this.union.link(nodeid, ...this.at(to)))).toBe(nodeid);
  }

  private rename(from: string, to: string, file: File, target: File | undefined): void {
    if (file === target) return;
    this.look(from);
    if (target !== undefined) this.look(to);
    this.union.rename(...this.at(from), ...this.at(to), 0);
    if (target !== undefined) this.lose(to);
    this.moveName(from, to, file);
  }

  private exchange(from: string, to: string, file: File, target: File): void {
    const [one, two] = [this.look(from), this.look(to)];
    this.union.rename(...this.at(from), ...this.at(to), RENAME_EXCHANGE);
    this.lose(from, false);
    this.lose(to, false);
    for (const [path, owner, nodeid] of [
      [to, file, one],
      [from, target, two],
    ] as const) {
      owner.names.add(path);
      this.files.set(path, owner);
      this.dentries.set(path, nodeid);
    }
  }

  private moveName(from: string, to: string, file: File): void {
    const nodeid = this.dentries.get(from);
    this.lose(from, false);
    file.names.add(to);
    this.files.set(to, file);
    if (nodeid !== undefined) this.dentries.set(to, nodeid);
  }

  private lose(path: string, evicts = true): void {
    this.files.get(path)?.names.delete(path);
    this.files.delete(path);
    if (evicts) this.dropDentry(path);
    else this.dentries.delete(path);
  }

  /**
   * READDIRPLUS, as the kernel handles it: a name that it knows gets one more lookup, if the name leads to
   * the same node as before.
   */
  private list(dir: string): void {
    const entries: [string, Entry][] = [];
    const paths: string[] = [];
    const sink: DirectorySink = {
      fits: () => true,
      add: () => {},
      addPlus: (name, _ino, type, _cookie, entry) => {
        if (name.startsWith('.') || entry === null || type === DT_DIR) return;
        paths.push(`${dir}/${name}`);
        const known = this.dentries.get(`${dir}/${name}`);
        if (known !== undefined) expect(entry.nodeid, `${dir}/${name} listed`).toBe(known);
        entries.push([`${dir}/${name}`, entry]);
        this.take(`${dir}/${name}`, entry);
      },
    };
    this.union.readdir(this.directories.get(dir) ?? ROOT_ID, 0, sink, { plus: true, noatime: false });
    const expected = [...this.files.keys()].filter((path) => path.startsWith(`${dir}/`));
    expect(paths.sort()).toEqual(expected.sort());
  }
}

/** The content of the layers, by names in the union. Each file can have several names. */
const LOWER = [['d/a'], ['d/b', 'e/a'], ['e/b']];
const UPPER = [['d/c', 'e/c']];

function lay(home: string, layer: string, files: readonly (readonly string[])[]): void {
  for (const dir of ['d', 'e']) mkdirSync(join(home, layer, dir));
  for (const [first = '', ...others] of files) {
    writeFileSync(join(home, layer, first), `${layer} ${first}`);
    for (const other of others) linkSync(join(home, layer, first), join(home, layer, other));
  }
}

const overlay = defaultOverlay(xattrs);
const AUFS = { ignoresWhiteouts: [], linkWhiteouts: true, alwaysOpaque: false, keepLinks: true };
const SET_UPS: readonly { name: string; keepsLinks: boolean; config: (home: string) => Partial<UnionConfig> }[] = [
  { name: 'overlay', keepsLinks: false, config: (home) => ({ overlay, work: join(home, 'work') }) },
  {
    name: 'overlay with metacopy=on',
    keepsLinks: false,
    config: (home) => ({ overlay: { ...overlay, metacopy: true, redirect: 'on' }, work: join(home, 'work') }),
  },
  ...(isRoot
    ? [
        {
          name: 'overlay with index=on',
          keepsLinks: true,
          config: (home: string) => ({ overlay: { ...overlay, index: true }, work: join(home, 'work') }),
        },
      ]
    : []),
  { name: 'aufs', keepsLinks: true, config: () => ({ aufs: AUFS }) },
];

describe.each(SET_UPS)('$name: all names of a file lead to one node', ({ keepsLinks, config }) => {
  it.each(SEEDS)('in a random order of changes, number %i', (seed) => {
    const home = makeUnionHome('one-node');
    lay(home, 'lower', keepsLinks ? LOWER : LOWER.map(([first = '']) => [first]));
    lay(home, 'upper', UPPER);
    const union = openUnion(home, config(home));
    const kernel = new Kernel(union, new Random(seed));
    const done: string[] = [];
    try {
      for (const names of LOWER) {
        kernel.lay(keepsLinks ? names : names.slice(0, 1), `lower ${names[0]}`, true);
      }
      for (const names of UPPER) kernel.lay(names, `upper ${names[0]}`, true);
      for (let i = 0; i < STEPS; i++) done.push(kernel.step());
      kernel.close();
    } catch (error) {
      throw new Error(`after ${done.join(', ')}: ${String(error)}`, { cause: error });
    } finally {
      union.close();
      rmSync(home, { recursive: true });
    }
  });
});
