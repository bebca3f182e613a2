import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { splitLayers, splitOptions, unescapePath } from '../../../../../src/server/options/kinds/option-list.js';

describe('splitOptions', () => {
  it.each([
    ['a,b=1', [['a'], ['b', '1']]],
    ['', []],
    [',,a,,', [['a']]],
    ['a=', [['a', '']]],
    ['a=b=c', [['a', 'b=c']]],
    ['a=x\\,y,b', [['a', 'x\\,y'], ['b']]],
    ['a=x\\\\,b', [['a', 'x\\\\'], ['b']]],
    ['a=x\\', [['a', 'x\\']]],
    ['context="u:r:t:s0:c1,c2",b', [['context', 'u:r:t:s0:c1,c2'], ['b']]],
    ['a="x\\",y",b', [['a', 'x\\",y'], ['b']]],
    ['a="not closed,b', [['a', '"not closed'], ['b']]],
    ['a=in"side,b', [['a', 'in"side'], ['b']]],
    ['a="b"c,d', [['a', '"b"c'], ['d']]],
  ])('cuts %j at commas', (list, expected) => {
    expect(splitOptions(list)).toEqual(expected.map(([name, value]) => ({ name, value })));
  });
});

describe('splitLayers', () => {
  it.each([
    ['a', ['a']],
    ['a:b', ['a', 'b']],
    ['a\\:b:c', ['a:b', 'c']],
    ['a\\\\:b', ['a\\', 'b']],
    ['a\\,b', ['a,b']],
    ['a:', ['a', '']],
    [':a', ['', 'a']],
    ['', ['']],
    ['a\\', ['a\\']],
  ])('cuts %j at colons', (value, expected) => {
    expect(splitLayers(value)).toEqual(expected);
  });

  it('returns, after splitOptions, the paths that were escaped and joined', () => {
    const path = fc.string({ minLength: 1, unit: fc.constantFrom('a', ':', ',', '\\', '"', '=', ' ', '\xff') });
    fc.assert(
      fc.property(fc.array(path, { minLength: 1 }), (paths) => {
        const escaped = paths.map((text) => text.replace(/[\\:,]/g, '\\$&'));
        const [option] = splitOptions(`lowerdir=${escaped.join(':')},ro`);
        // A value that starts and ends with a double quote reads as a quoted one.
        fc.pre(!escaped.join(':').startsWith('"'));
        expect(splitLayers(option?.value ?? '')).toEqual(paths);
      }),
    );
  });
});

describe('unescapePath', () => {
  it('removes one level of backslashes', () => {
    expect(unescapePath('a\\:b\\\\c\\,d')).toBe('a:b\\c,d');
  });
});
