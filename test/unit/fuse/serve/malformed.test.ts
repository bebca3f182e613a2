/** Whatever bytes arrive: a call to the file system or a refusal, at most one answer, never an exception. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Errno } from '../../../../src/core/errno.js';
import { rowOf } from '../../../../src/fuse/serve/opcodes.js';
import { OPCODE_LIMIT, Opcode } from '../../../../src/fuse/wire/abi.js';
import { errnoOf, Serving } from '../serving.js';
import { message } from '../wire.js';

describe('any bytes', () => {
  const serving = new Serving();

  it('without a sound header are logged, and answered by nothing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const before = serving.log.length;
        const sound = bytes.length >= 40 && Buffer.from(bytes).readUInt32LE(0) === bytes.length;
        const answers = serving.serve(Buffer.from(bytes));
        if (!sound) expect([answers.length, serving.log.length]).toEqual([0, before + 1]);
      }),
      { numRuns: 2000 },
    );
  });

  it('behind a sound header are answered once, or not at all where no answer is due', () => {
    const body = fc.uint8Array({ maxLength: 300 });
    const opcode = fc.integer({ min: 0, max: OPCODE_LIMIT + 2 });
    fc.assert(
      fc.property(opcode, body, (opcode, bytes) => {
        const answers = serving.serve(message(opcode, [Buffer.from(bytes)], { unique: 77 }));
        expect(answers).toHaveLength(rowOf(opcode).replies ? 1 : 0);
        for (const answer of answers) {
          expect(answer.readUInt32LE(0)).toBe(answer.length);
          expect(answer.readBigUInt64LE(8)).toBe(77n);
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it.each(
    Object.entries(Opcode).filter(([name]) =>
      /^(LOOKUP|SETATTR|MK|SYMLINK|LINK|RENAME|OPEN$|CREATE|READ$|WRITE|.*XATTR|READDIR|IOCTL|LSEEK)/.test(name),
    ),
  )('%s without its body is refused before the file system hears of it', (_, opcode) => {
    const serving = new Serving();
    expect(serving.serve(message(opcode)).map(errnoOf)).toEqual([Errno.EIO]);
    expect(serving.calls).toEqual([]);
    expect(serving.log[0]).toContain('malformed request');
  });
});
