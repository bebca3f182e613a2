import { describe, expect, it } from 'vitest';
import { toBytes, toExactText, toText } from '../../../../../src/fuse/libfuse2/paths/text.js';

describe('names', () => {
  it('that are UTF-8 are the same after a conversion and back', () => {
    for (const text of ['plain', 'ümläut', '漢字', '🙂']) {
      expect(toBytes(text)).toBe(Buffer.from(text).toString('latin1'));
      expect(toExactText(toBytes(text))).toBe(text);
    }
  });

  it('that are not UTF-8 are refused, and shown with U+FFFD', () => {
    expect(toText('a\xff')).toBe('a\uFFFD');
    expect(() => toExactText('a\xff')).toThrow(/EILSEQ/);
    expect(() => toBytes('a\uFFFD')).toThrow(/EILSEQ/);
  });
});
