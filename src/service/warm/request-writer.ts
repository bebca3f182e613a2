/** Writes requests as the kernel does, and reads their replies, without a kernel. */
import type { EntryName, NodeId } from '../../core/brand.js';
import type { MessageMemory } from '../../fuse/index.js';
import { Dirent, Direntplus, EntryOut, OutHeader } from '../../fuse/wire/reply-structs.js';
import { InHeader } from '../../fuse/wire/request-structs.js';
import type { Offset, Offset32 } from '../../fuse/wire/struct.js';
import { HIGH_WORD } from '../../sys/u64.js';

/** A name of a listing, and its node; 0: `.` or `..`. */
export interface ListedEntry {
  readonly name: EntryName;
  readonly nodeid: NodeId;
  /** A listing from this cookie begins after this entry. */
  readonly cookie: number;
}

export class RequestWriter {
  private readonly request: Buffer;
  private readonly reply: Buffer;
  private length = 0;
  private unique = 2;

  constructor(memory: MessageMemory) {
    this.request = memory.request.buffer;
    this.reply = memory.reply.buffer;
  }

  /** Begins a request whose body has `bytes` zeros. */
  begin(opcode: number, nodeid: NodeId, bytes = 0): this {
    const { request } = this;
    this.length = InHeader.sizeof + bytes;
    request.fill(0, 0, this.length);
    request.writeUInt32LE(opcode, InHeader.opcode);
    request.writeUInt32LE(this.unique, InHeader.unique);
    this.unique += 2;
    request.writeUInt32LE(nodeid % HIGH_WORD, InHeader.nodeid);
    request.writeUInt32LE(Math.floor(nodeid / HIGH_WORD), InHeader.nodeid + 4);
    request.writeUInt32LE(process.pid, InHeader.pid);
    return this;
  }

  u32(member: Offset32, value: number): this {
    this.request.writeUInt32LE(value, InHeader.sizeof + member);
    return this;
  }

  u64(member: Offset<'u64'>, value: number): this {
    this.request.writeUInt32LE(value % HIGH_WORD, InHeader.sizeof + member);
    this.request.writeUInt32LE(Math.floor(value / HIGH_WORD), InHeader.sizeof + member + 4);
    return this;
  }

  /** Appends a name and its NUL. */
  name(text: string): this {
    this.length += this.request.write(`${text}\0`, this.length, 'latin1');
    return this;
  }

  /** Appends `bytes` zeros of data. */
  data(bytes: number): this {
    this.request.fill(0, this.length, this.length + bytes);
    this.length += bytes;
    return this;
  }

  /** Writes the length into the header, and returns it. */
  end(): number {
    this.request.writeUInt32LE(this.length, InHeader.len);
    return this.length;
  }

  /** The errno of the reply. */
  get errno(): number {
    return -this.reply.readInt32LE(OutHeader.error);
  }

  /** The node in a reply that begins with an entry. */
  get entry(): NodeId {
    return this.nodeAt(OutHeader.sizeof);
  }

  /** The entries of a reply to READDIRPLUS. */
  entries(): ListedEntry[] {
    const { reply } = this;
    const found: ListedEntry[] = [];
    const end = reply.readUInt32LE(OutHeader.len);
    for (let at: number = OutHeader.sizeof; at < end; ) {
      const dirent = at + Direntplus.dirent;
      const length = reply.readUInt32LE(dirent + Dirent.namelen);
      const name = reply.toString('latin1', dirent + Dirent.sizeof, dirent + Dirent.sizeof + length) as EntryName;
      found.push({ name, nodeid: this.nodeAt(at), cookie: this.u64At(dirent + Dirent.off) });
      at += Math.ceil((Direntplus.sizeof + length) / 8) * 8;
    }
    return found;
  }

  private nodeAt(at: number): NodeId {
    return this.u64At(at + EntryOut.nodeid) as NodeId;
  }

  private u64At(at: number): number {
    return this.reply.readUInt32LE(at + 4) * HIGH_WORD + this.reply.readUInt32LE(at);
  }
}
