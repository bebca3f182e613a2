import { describe, expect, it } from 'vitest';
import { negotiate, replyToInit } from '../../../../src/fuse/serve/handshake.js';
import { InitFlag, InitFlag2, Opcode } from '../../../../src/fuse/wire/abi.js';
import { MessageMemory } from '../../../../src/fuse/wire/message-memory.js';
import { Reply } from '../../../../src/fuse/wire/reply.js';
import { Request } from '../../../../src/fuse/wire/request.js';
import { message, u32 } from '../kernel-message.js';

function init(major: number, minor: number, flags: number, flags2: number): Request {
  const request = new Request(new MessageMemory().request);
  const bytes = message(Opcode.INIT, [u32(major, minor, 131072, flags, flags2), Buffer.alloc(44)]);
  request.buffer.set(bytes);
  request.load(bytes.length);
  return request;
}

const ALL = 0xffffffff;
const BOTH = { passthrough: true, acls: true };

describe('INIT', () => {
  it('enables what both sides support, and nothing that was left out on purpose', () => {
    const { flags, flags2, minor } = negotiate(init(7, 45, ALL, ALL), BOTH);
    expect(minor).toBe(45);
    expect(flags & InitFlag.DO_READDIRPLUS).not.toBe(0);
    for (const [name, bit] of Object.entries({
      POSIX_LOCKS: 1,
      FLOCK: 10,
      AUTO_INVAL: 12,
      WRITEBACK: 16,
      KILLPRIV: 19,
    })) {
      expect([name, flags & (1 << bit)]).toEqual([name, 0]);
    }
    expect(flags2).toBe(InitFlag2.PASSTHROUGH | InitFlag2.NO_EXPORT_SUPPORT);
  });

  it('enables nothing that the kernel does not offer', () => {
    expect(negotiate(init(7, 31, InitFlag.ASYNC_READ, ALL), BOTH)).toEqual({
      minor: 31,
      flags: InitFlag.ASYNC_READ,
      flags2: 0,
    });
  });

  it('leaves out passthrough if it is off, and always idmapped mounts', () => {
    const always = InitFlag2.NO_EXPORT_SUPPORT;
    expect(negotiate(init(7, 45, ALL, ALL), { ...BOTH, passthrough: false }).flags2).toBe(always);
    const { flags2 } = negotiate(init(7, 45, ALL & ~InitFlag.POSIX_ACL, ALL), BOTH);
    expect(flags2).toBe(always | InitFlag2.PASSTHROUGH);
  });

  it('uses the older of two minor versions', () => {
    expect(negotiate(init(7, 38, ALL, 0), BOTH).minor).toBe(38);
    expect(negotiate(init(7, 99, ALL, 0), BOTH).minor).toBe(45);
  });

  it.each([
    [6, 45],
    [8, 0],
    [7, 30],
  ])('refuses %i.%i', (major, minor) => {
    expect(() => negotiate(init(major, minor, ALL, ALL), BOTH)).toThrow(`FUSE protocol ${major}.${minor}`);
  });

  it('has a fuse_init_out as its reply', () => {
    const reply = new Reply(1, new MessageMemory().reply);
    reply.buffer.fill(0xff, 0, 200);
    replyToInit(init(7, 45, ALL, ALL), reply, { minor: 45, flags: 5, flags2: InitFlag2.PASSTHROUGH });
    const background = 64 | (48 << 16);
    expect(reply.buffer.subarray(16, 16 + reply.size)).toEqual(
      Buffer.concat([u32(7, 45, 131072, 5, background, 1 << 20, 1, 256, 1 << 5, 1), Buffer.alloc(24)]),
    );
  });
});
