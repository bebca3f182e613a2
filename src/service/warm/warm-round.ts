/** One round of a warm-up. */
import type { EntryName, NodeId } from '../../core/brand.js';
import { Errno } from '../../core/errno.js';
import { O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } from '../../core/flags.js';
import { CAPABILITY } from '../../core/xattr-names.js';
import { Exchange } from '../../fuse/handlers/exchange.js';
import type { MessageMemory, Operations } from '../../fuse/index.js';
import { Dispatcher } from '../../fuse/serve/dispatch.js';
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

const ROOT = 1 as NodeId;
const LISTING_BYTES = 4096;
/** A directory with fewer files of lower layers is not changed. */
const FEWEST_FILES = 8;
const READ_BYTES = 4096;

/** A device whose kernel accepts everything and keeps nothing. */
const NO_KERNEL = {
  send: (): number => 0,
  backingOpen: (): number => 1,
  backingClose: (): void => {},
  invalidateAttributes: (): void => {},
  invalidateData: (): void => {},
  storeLimit: 64 << 10,
  storeData: (): void => {},
  syncInBackground: (): boolean => false,
};

/** One walk through a new union, and a few changes. */
export class WarmRound {
  /** How many files have been read. */
  filesRead = 0;
  /** The errnos of requests that failed. None is expected to. */
  readonly failures: number[] = [];
  private readonly writer: RequestWriter;
  private readonly dispatcher: Dispatcher;
  /** The nodes that the replies have named, once for each. */
  private readonly known: NodeId[] = [];

  constructor(
    private readonly operations: Operations,
    memory: MessageMemory,
  ) {
    this.writer = new RequestWriter(memory);
    const exchange = new Exchange(operations, 1e9, memory);
    exchange.setxattrExt = true;
    this.dispatcher = new Dispatcher(NO_KERNEL, exchange, { writable: true, log: () => {} });
  }

  run(round: number): void {
    try {
      this.operations.attach(NO_KERNEL, { passthrough: true });
      this.walk(ROOT, round);
      this.forgetAll();
    } finally {
      this.operations.close();
    }
  }

  private walk(directory: NodeId, round: number): void {
    const entries = this.list(directory);
    for (const [i, { name, nodeid }] of entries.entries()) {
      if (name.startsWith('dir')) this.walk(this.lookup(directory, name), round + i);
      else if (nodeid !== 0) this.readFile(directory, name);
    }
    const files = entries.filter(({ name }) => name.startsWith('lower'));
    this.changeLower(directory, files, round);
    this.change(directory);
  }

  private readFile(directory: NodeId, name: EntryName): void {
    const file = this.lookup(directory, name);
    this.serve(this.writer.begin(Opcode.GETATTR, file));
    this.serve(this.writer.begin(Opcode.GETXATTR, file, GetxattrIn.sizeof).name(CAPABILITY));
    this.open(file, O_RDONLY);
    this.serve(this.writer.begin(Opcode.READ, file, ReadIn.sizeof).u32(ReadIn.size, READ_BYTES));
    this.release(file, O_RDONLY);
    this.filesRead++;
  }

  /** Changes lower files: two copy-ups, of which one has no data, and a whiteout. */
  private changeLower(directory: NodeId, files: readonly ListedEntry[], round: number): void {
    // The rounds have the same upper, so the files become fewer.
    if (files.length < FEWEST_FILES) return;
    const [changed, truncated, removed] = [0, 1, 2].map((i) => files[(round + i) % files.length]) as [
      ListedEntry,
      ListedEntry,
      ListedEntry,
    ];
    this.setMode(changed.nodeid, 0o640);
    this.open(truncated.nodeid, O_WRONLY | O_TRUNC);
    this.release(truncated.nodeid, O_WRONLY);
    this.serve(this.writer.begin(Opcode.UNLINK, directory).name(removed.name));
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

  private lookup(directory: NodeId, name: EntryName): NodeId {
    this.serve(this.writer.begin(Opcode.LOOKUP, directory).name(name));
    return this.noteEntry();
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

  private forgetAll(): void {
    const { writer } = this;
    // FORGET has no reply.
    for (const node of this.known) {
      this.dispatcher.serve(writer.begin(Opcode.FORGET, node, ForgetIn.sizeof).u64(ForgetIn.nlookup, 1).end());
    }
  }

  private serve(request: RequestWriter): void {
    this.dispatcher.serve(request.end());
    const { errno } = request;
    // ENODATA: the file has no capabilities.
    if (errno !== 0 && errno !== Errno.ENODATA) this.failures.push(errno);
  }
}
