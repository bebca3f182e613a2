import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import { DT_REG } from '../../../../src/core/file-mode.js';
import type { RealDirectory } from '../../../../src/union/layers/layer.js';
import { cookieOf, type ListedEntry, Listing } from '../../../../src/union/nodes/listing.js';

const home = {} as RealDirectory;

function entry(name: string): ListedEntry {
  const bytes = name as EntryName;
  return { name: bytes, cookie: cookieOf(bytes), ino: 1, type: DT_REG, home, below: null, removed: false };
}

/** Reads up to `count` names after `cookie`. */
function read(listing: Listing, cookie: number, count: number): ListedEntry[] {
  const got: ListedEntry[] = [];
  listing.after(cookie, (listed) => got.push(listed) < count);
  return got;
}

const names = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 60 });

describe('a listing read in pieces, with changes in between', () => {
  it('shows each name that exists all the time exactly once', () => {
    fc.assert(
      fc.property(names, names, fc.array(fc.nat(59)), fc.integer({ min: 1, max: 7 }), (all, added, removed, piece) => {
        const listing = new Listing(all.map(entry));
        const gone = new Set(removed.map((i) => all[i % all.length] as string));
        const stable = all.filter((name) => !gone.has(name) && !added.includes(name));
        const seen: string[] = [];
        const changes = [...gone].map((name) => () => listing.remove(name as EntryName));
        changes.push(...added.map((name) => () => listing.add(entry(name))));
        for (let cookie = 0; ; ) {
          const got = read(listing, cookie, piece);
          if (got.length === 0) break;
          seen.push(...got.map(({ name }) => name as string));
          cookie = (got.at(-1) as ListedEntry).cookie;
          changes.pop()?.();
        }
        for (const name of stable) expect(seen.filter((other) => other === name)).toEqual([name]);
      }),
    );
  });

  it('shows a name that was removed and created again once, at its old position', () => {
    const listing = new Listing(['a', 'b', 'c'].map(entry));
    const before = read(listing, 0, 3).map(({ name }) => name);
    listing.remove('b' as EntryName);
    listing.add(entry('b'));
    expect(read(listing, 0, 3).map(({ name }) => name)).toEqual(before);
  });
});

describe('a position', () => {
  it('is a positive number that an off_t and a JavaScript number hold exactly, and depends on the name alone', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 255 }), (name) => {
        const cookie = cookieOf(name as EntryName);
        expect(Number.isSafeInteger(cookie)).toBe(true);
        expect(cookie).toBeGreaterThan(2);
        expect(cookieOf(name as EntryName)).toBe(cookie);
      }),
    );
  });

  it('differs for all of 200,000 similar names', () => {
    const cookies = new Set(Array.from({ length: 200_000 }, (_, i) => cookieOf(`file-${i}.txt` as EntryName)));
    expect(cookies.size).toBe(200_000);
  });
});
