import { expect, it } from 'vitest';
import { isOpaqueMark, isXattrWhiteoutsMark } from '../../../../src/whiteout/overlay/opaque-mark.js';

it.each([
  ['y', true, false],
  ['x', false, true],
  ['', false, false],
  ['yes', false, false],
  ['Y', false, false],
  [null, false, false],
])('the value %j: opaque %s, with whiteouts that are xattrs %s', (text, opaque, xattrWhiteouts) => {
  const value = text === null ? null : Buffer.from(text);
  expect(isOpaqueMark(value)).toBe(opaque);
  expect(isXattrWhiteoutsMark(value)).toBe(xattrWhiteouts);
});
