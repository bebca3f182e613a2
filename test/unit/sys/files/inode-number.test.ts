import { expect, it } from 'vitest';
import { inodeNumber } from '../../../../src/sys/files/inode-number.js';

it('is the number itself if a JavaScript number is exact', () => {
  expect(inodeNumber(0, 2)).toBe(2);
  expect(inodeNumber(0xfffff, 0xffffffff)).toBe(2 ** 52 - 1);
});

it('is a different substitute for each large number, and always the same one', () => {
  const numbers = [0, 1, 2, 3].map((low) => inodeNumber(0x80000000, low));
  expect(new Set(numbers).size).toBe(4);
  expect(numbers.every((number) => Number.isSafeInteger(number) && number >= 2 ** 52)).toBe(true);
  expect(inodeNumber(0x80000000, 2)).toBe(numbers[2]);
});
