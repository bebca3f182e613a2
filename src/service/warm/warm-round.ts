/** One round of a warm-up. */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../core/flags.js';
import { CAPABILITY } from '../../core/xattr-names.js';
import type { MessageMemory, Session } from '../../fuse/index.js';
import { Fattr, Opcode } from '../../fuse/wire/abi.js';
import {
  CreateIn,
  ForgetIn,
  GetxattrIn,
  MkdirIn,
  OpenIn,
  ReadIn,
  ReleaseIn,
  Rename2In,
  SetattrIn,
  WriteIn,
} from '../../fuse/wire/request-structs.js';
import { type ListedEntry, RequestWriter } from './request-writer.js';
import { changesDirectory, directories, lowerFiles } from './warm-tree.js';

const ROOT = 1 as NodeId;
const LISTING_BYTES = 4096;
/** A directory with fewer files of lower layers is not changed. */
const FEWEST_FILES = 8;
const READ_BYTES = 4096;
/** How many nodes are not forgotten: a directory and its files are among them. */
const KEPT_NODES = 64;
const MISSING = '.missing' as EntryName;

/** Errnos that requests get as planned. ENODATA: the file has no capabilities. ENOENT: a missing name. */
const PLANNED = new Set<number>([0, Errno.ENODATA, Errno.ENOENT]);

/**
 * One walk through a new union, and a few changes. Half of the directories are used by names that the reader
 * knows, and listed then, as git(1) does; the others are listed first, as find(1) does.
 */
export class WarmRound {
  /** The files that have been read. */
  readonly read = new Set<NodeId>();
  /** The errnos of requests that failed. None is expected to. */
  readonly failures: number[] = [];
  private readonly writer: RequestWriter;
  /** The nodes that the replies have named, once for each. */
  private readonly known: NodeId[] = [];

  /** @param session without a kernel; closed by {@link run} */
  constructor(
    private readonly session: Session,
    memory: MessageMemory,
  ) {
    this.writer = new RequestWriter(memory);
  }

  run(round: number): void {
    try {
      for (const name of directories()) this.lookup(ROOT, name);
      this.walk(ROOT, { round, isChanged: true });
      this.forget();
    } finally {
      this.session.close();
    }
  }

  private walk(directory: NodeId, { round, isChanged }: { round: number; isChanged: boolean }): void {
    const knowsNames = directory !== ROOT && round % 2 === 0;
    // Before the directory is listed, and after it, when the union knows its entries.
    if (knowsNames) this.readFiles(directory);
    const entries = this.list(directory);
    for (const [i, { name }] of entries.entries()) {
      if (name.startsWith('dir'))
        this.walk(this.lookup(directory, name), { round: round + i, isChanged: changesDirectory(name) });
      else if (!knowsNames && name.startsWith('lower')) this.readFile(directory, name);
    }
    if (knowsNames) this.readFiles(directory);
    this.lookup(directory, MISSING);
    if (!isChanged) return;
    const files = entries.filter(({ name }) => name.startsWith('lower'));
    this.changeLower(directory, files, round);
    this.change(directory);
  }

  private readFiles(directory: NodeId): void {
    for (const name of lowerFiles()) this.readFile(directory, name);
  }

  private readFile(directory: NodeId, name: EntryName): void {
    const file = this.lookup(directory, name);
    // An earlier round has removed it.
    if (file === 0) return;
    this.serve(this.writer.begin(Opcode.GETATTR, file));
    this.serve(this.writer.begin(Opcode.GETXATTR, file, GetxattrIn.sizeof).name(CAPABILITY));
    this.open(file, O_RDONLY);
    this.serve(this.writer.begin(Opcode.READ, file, ReadIn.sizeof).u32(ReadIn.size, READ_BYTES));
    this.release(file, O_RDONLY);
    this.read.add(file);
  }
  /** Changes lower files: two copy-ups, of which one has no data, and a whiteout. */
  private changeLower(directory: NodeId, files: readonly ListedEntry[], round: number): void {
    // The rounds have the same upper, so the files become fewer.
    if (files.length < FEWEST_FILES) return;
    const nameOf = (i: number): EntryName => (files[(round + i) % files.length] as ListedEntry).name;
    this.setMode(this.lookup(directory, nameOf(0)), 0o640);
    const truncated = this.lookup(directory, nameOf(1));
    this.open(truncated, O_WRONLY | O_TRUNC);
    this.release(truncated, O_WRONLY);
    this.serve(this.writer.begin(Opcode.UNLINK, directory).name(nameOf(2)));
  }

  /** Creates, writes, renames and removes objects. */
  private change(directory: NodeId): void {
    const { writer } = this;
    this.serve(
      writer
        .begin(Opcode.CREATE, directory, CreateIn.sizeof)
        .u32(CreateIn.flags, O_RDWR)
        .u32(CreateIn.mode, 0o100644)
        .name('new'),
    );
    if (writer.errno !== 0) return;
    const made = this.noteEntry();
    this.serve(writer.begin(Opcode.WRITE, made, WriteIn.sizeof).u32(WriteIn.size, READ_BYTES).data(READ_BYTES));
    this.release(made, O_RDWR);
    this.setMode(made, 0o600);
    this.serve(
      writer
        .begin(Opcode.RENAME2, directory, Rename2In.sizeof)
        .u64(Rename2In.newdir, directory)
        .name('new')
        .name('newer'),
    );
    this.serve(writer.begin(Opcode.UNLINK, directory).name('newer'));
    this.serve(writer.begin(Opcode.MKDIR, directory, MkdirIn.sizeof).u32(MkdirIn.mode, 0o755).name('made'));
    if (writer.errno === 0) this.noteEntry();
    this.serve(writer.begin(Opcode.RMDIR, directory).name('made'));
  }

  private list(directory: NodeId): ListedEntry[] {
    const { writer } = this;
    const all: ListedEntry[] = [];
    for (let cookie = 0; ; ) {
      writer.begin(Opcode.READDIRPLUS, directory, ReadIn.sizeof).u32(ReadIn.size, LISTING_BYTES);
      this.serve(writer.u64(ReadIn.offset, cookie));
      const entries = writer.errno === 0 ? writer.entries() : [];
      const last = entries.at(-1);
      if (last === undefined || last.cookie <= cookie) return all;
      cookie = last.cookie;
      all.push(...entries);
      for (const { nodeid } of entries) if (nodeid !== 0) this.known.push(nodeid);
    }
  }

  /** The node of a name; 0: there is none. */
  private lookup(directory: NodeId, name: EntryName): NodeId {
    this.serve(this.writer.begin(Opcode.LOOKUP, directory).name(name));
    return this.writer.errno === 0 ? this.noteEntry() : (0 as NodeId);
  }

  private open(file: NodeId, flags: number): void {
    this.serve(this.writer.begin(Opcode.OPEN, file, OpenIn.sizeof).u32(OpenIn.flags, flags));
  }

  private release(file: NodeId, flags: number): void {
    this.serve(this.writer.begin(Opcode.RELEASE, file, ReleaseIn.sizeof).u32(ReleaseIn.flags, flags));
  }

  private setMode(node: NodeId, mode: number): void {
    const request = this.writer.begin(Opcode.SETATTR, node, SetattrIn.sizeof);
    this.serve(request.u32(SetattrIn.valid, Fattr.MODE).u32(SetattrIn.mode, mode));
  }

  private noteEntry(): NodeId {
    const { entry } = this.writer;
    this.known.push(entry);
    return entry;
  }

  /** Forgets all nodes but some of each kind. */
  private forget(): void {
    const { writer } = this;
    // FORGET has no reply.
    for (const node of this.known.slice(KEPT_NODES)) {
      this.session.serve(writer.begin(Opcode.FORGET, node, ForgetIn.sizeof).u64(ForgetIn.nlookup, 1).end());
    }
  }

  private serve(request: RequestWriter): void {
    this.session.serve(request.end());
    if (!PLANNED.has(request.errno)) this.failures.push(request.errno);
  }
}
