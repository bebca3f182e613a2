/**
 * The decoder: whatever stands behind a sound header is a typed request to the file system or a protocol
 * error.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rowOf } from '../../../../src/fuse/serve/opcodes.js';
import { fuzz, TIMEOUT_MS } from '../../../fuzz/budget.js';
import { bytesOf, shaped } from '../../../fuzz/messages.js';
import { type Call, Serving } from '../serving.js';

/** Where in a file something is to happen, and how much of it: by operation, which arguments. */
const POSITIONS: Readonly<Record<string, readonly number[]>> = {
  read: [3, 4],
  write: [3, 4],
  fallocate: [2, 3],
  lseek: [1],
  copyFileRange: [1, 3, 4],
};

/**
 * Whole numbers all, seconds of a time alone can be negative. Positions are exact; ids and cookies only as
 * far as we give them out.
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

/**
 * Names of directory entries, which are the second argument, and of a rename and a link the fourth and third
 * too.
 */
function entryNames([operation, ...args]: Call): unknown[] {
  if (!NAMED.has(operation)) return [];
  if (operation === 'link') return [args[2]];
  return operation === 'rename' ? [args[1], args[3]] : [args[1]];
}

/** What is wrong with a call, in words. */
function untyped(call: Call): string[] {
  const [operation, ...args] = call;
  const exact = POSITIONS[operation] ?? [];
  return [
    ...args.flatMap((value, i) => (isTyped(value) ? [] : [`${operation}: argument ${i} has no type`])),
    ...exact.flatMap((i) => (Number.isSafeInteger(args[i]) ? [] : [`${operation}: ${String(args[i])} is no position`])),
    ...entryNames(call).flatMap((name) =>
      ENTRY_NAME.test(String(name)) ? [] : [`${operation}: a name ${String(name)}`],
    ),
  ];
}

function wrongAnswers(answers: readonly Buffer[], due: number): string[] {
  if (answers.length !== due) return [`${answers.length} answers`];
  const sound = (answer: Buffer): boolean =>
    answer.readUInt32LE(0) === answer.length && answer.readBigUInt64LE(8) === 77n && answer.readInt32LE(4) <= 0;
  return answers.every(sound) ? [] : ['an answer with a wrong header'];
}

describe('a message of any shape', () => {
  it(
    'is a typed request or a protocol error, answered once where an answer is due',
    () => {
      const serving = new Serving();
      fuzz(
        'decoder',
        4000,
        fc.property(shaped, (shape) => {
          serving.calls.length = 0;
          serving.log.length = 0;
          const answers = serving.serve(bytesOf(shape, 77));
          const wrong = [
            ...wrongAnswers(answers, rowOf(shape.opcode).replies ? 1 : 0),
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
