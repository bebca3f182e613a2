/**
 * The decoder: any bytes after a valid header are a typed request to the file system, or a protocol error.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowOf } from '../../../../src/fuse/serve/opcodes.js';
import { fuzz, TIMEOUT_MS } from '../../../fuzz/budget.js';
import { bytesOf, shaped } from '../../../fuzz/messages.js';
import { type Call, Serving } from '../serving.js';

/** Those arguments of each operation that are positions and sizes: by index, or by name in an object. */
const POSITIONS: Readonly<Record<string, readonly (number | string)[]>> = {
  read: [3, 4],
  write: [3, 4],
  fallocate: ['offset', 'length'],
  lseek: [1],
  copyFileRange: ['fromOffset', 'toOffset', 'length'],
};

/**
 * Whether all numbers in `value` are non-negative integers, but for the seconds of a time, which can be
 * negative.
 */
function isTyped(value: unknown): boolean {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0;
  if (typeof value !== 'object' || value === null)
    return ['string', 'boolean'].includes(typeof value) || value === null;
  if ('sec' in value && 'nsec' in value) return Number.isInteger(value.sec) && isTyped(value.nsec);
  return value.constructor !== Object || Object.values(value).every(isTyped);
}

const ENTRY_NAME = /^(?!\.{1,2}$)[^/\0]+$/s;
const NAMED = new Set(['lookup', 'mknod', 'mkdir', 'symlink', 'link', 'unlink', 'rmdir', 'rename', 'create']);

/** Names of directory entries: the second argument; for a link the third; for a rename the fourth too. */
function entryNames([operation, ...args]: Call): unknown[] {
  if (!NAMED.has(operation)) return [];
  if (operation === 'link') return [args[2]];
  return operation === 'rename' ? [args[1], args[3]] : [args[1]];
}

/** The faults of a call, as messages. */
function untyped(call: Call): string[] {
  const [operation, ...args] = call;
  const named: Readonly<Record<string, unknown>> = Object.assign({}, ...args.filter((arg) => arg instanceof Object));
  const positions = POSITIONS[operation] ?? [];
  const valueAt = (at: number | string): unknown => (typeof at === 'number' ? args[at] : named[at]);
  return [
    ...args.flatMap((value, i) => (isTyped(value) ? [] : [`${operation}: argument ${i} has no type`])),
    ...positions.flatMap((at) =>
      Number.isSafeInteger(valueAt(at)) ? [] : [`${operation}: ${String(valueAt(at))} is no position`],
    ),
    ...entryNames(call).flatMap((name) =>
      ENTRY_NAME.test(String(name)) ? [] : [`${operation}: a name ${String(name)}`],
    ),
  ];
}

function wrongReplies(replies: readonly Buffer[], due: number): string[] {
  if (replies.length !== due) return [`${replies.length} replies`];
  const isValid = (reply: Buffer): boolean =>
    reply.readUInt32LE(0) === reply.length && reply.readBigUInt64LE(8) === 77n && reply.readInt32LE(4) <= 0;
  return replies.every(isValid) ? [] : ['a reply with a wrong header'];
}

describe('a message of any shape', () => {
  it(
    'is a typed request or a protocol error, with one reply if its opcode has one',
    () => {
      const serving = new Serving();
      fuzz(
        'decoder',
        4000,
        fc.property(shaped, (shape) => {
          serving.calls.length = 0;
          serving.log.length = 0;
          const replies = serving.serve(bytesOf(shape, 77));
          const wrong = [
            ...wrongReplies(replies, rowOf(shape.opcode).replies ? 1 : 0),
            ...serving.log.filter((line) => !line.includes('malformed request')),
            ...serving.calls.flatMap(untyped),
          ];
          expect(wrong).toEqual([]);
        }),
      );
    },
    TIMEOUT_MS,
  );
});
