/**
 * Requests that no kernel would send: the dispatcher throws nothing, and sends at most one reply to each.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno } from '../../../../src/core/errno.js';
import { rowOf } from '../../../../src/fuse/serve/opcodes.js';
import { OPCODE_LIMIT, Opcode } from '../../../../src/fuse/wire/abi.js';
import { message } from '../kernel-message.js';
import { errnoOf, Serving } from '../serving.js';

describe('the dispatcher', () => {
  const serving = new Serving();

  it('logs bytes without a valid header, and sends no reply', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const before = serving.log.length;
        const isValid = bytes.length >= 40 && Buffer.from(bytes).readUInt32LE(0) === bytes.length;
        const replies = serving.serve(Buffer.from(bytes));
        if (!isValid) expect([replies.length, serving.log.length]).toEqual([0, before + 1]);
      }),
      { numRuns: 2000 },
    );
  });

  it('sends one reply to any bytes after a valid header, or none if the opcode has none', () => {
    const body = fc.uint8Array({ maxLength: 300 });
    const opcode = fc.integer({ min: 0, max: OPCODE_LIMIT + 2 });
    fc.assert(
      fc.property(opcode, body, (opcode, bytes) => {
        const replies = serving.serve(message(opcode, [Buffer.from(bytes)], { unique: 77 }));
        expect(replies).toHaveLength(rowOf(opcode).replies ? 1 : 0);
        for (const reply of replies) {
          expect(reply.readUInt32LE(0)).toBe(reply.length);
          expect(reply.readBigUInt64LE(8)).toBe(77n);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it.each(
    Object.entries(Opcode).filter(([name]) =>
      /^(LOOKUP|SETATTR|MK|SYMLINK|LINK|RENAME|OPEN$|CREATE|READ$|WRITE|.*XATTR|READDIR|IOCTL|LSEEK)/.test(name),
    ),
  )('fails %s without its body with EIO, before any call to the file system', (_, opcode) => {
    const serving = new Serving();
    expect(serving.serve(message(opcode)).map(errnoOf)).toEqual([Errno.EIO]);
    expect(serving.calls).toEqual([]);
    expect(serving.log[0]).toContain('malformed request');
  });
});
