/** Redirects of metacopies that move. */
import { linkSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { EntryName } from '../../../../src/core/brand.js';
import {
  chmod,
  home,
  look,
  METACOPY,
  markOf,
  mount,
  REDIRECT,
  read,
  remount,
  rename,
  union,
  useMetacopyLayers,
  whole,
} from '../metacopy-layers.js';

useMetacopyLayers();

describe('a metacopy that moves', () => {
  const redirectAfter = (path: string, change: () => void): string | undefined => {
    change();
    for (const again of [false, true]) {
      if (again) remount();
      expect(read(path)).toBe('data');
    }
    return markOf(`upper/${path}`, REDIRECT);
  };

  beforeEach(() => {
    whole('l1/p/f', 'data');
    whole('l1/q/x', 'other');
    mount();
  });

  it('within its directory gets a redirect with its old name, and keeps it', () => {
    expect(redirectAfter('p/g', () => rename('p/f', 'p/g'))).toBe('f');
    expect(redirectAfter('p/h', () => rename('p/g', 'p/h'))).toBe('f');
    expect(union.lookup(look('p').nodeid, 'f' as EntryName)).toBeNull();
  });

  it('to another directory gets a redirect with its old path, also after a move within its own', () => {
    rename('p/f', 'p/g');
    expect(redirectAfter('q/g', () => rename('p/g', 'q/g'))).toBe('/p/f');
    expect(redirectAfter('top', () => rename('q/g', 'top'))).toBe('/p/f');
  });

  it('gets a redirect with its path if the lower file has more names', () => {
    linkSync(join(home, 'l1/p/f'), join(home, 'l1/q/f'));
    expect(redirectAfter('p/g', () => rename('p/f', 'p/g'))).toBe('/p/f');
  });

  it('below a directory that was moved gets a redirect with the path in the lower layers', () => {
    rename('p', 'r');
    expect(redirectAfter('r/f', () => chmod('r/f', 0o600))).toBeUndefined();
    expect(redirectAfter('q/f', () => rename('r/f', 'q/f'))).toBe('/p/f');
  });

  it('gets a redirect with its path when it is linked', () => {
    const link = (): void => void union.link(look('p/f').nodeid, look('q').nodeid, 'l' as EntryName);
    expect(redirectAfter('q/l', link)).toBe('/p/f');
    expect(markOf('upper/p/f', REDIRECT)).toBe('/p/f');
    expect(look('q/l').nodeid).toBe(look('p/f').nodeid);
  });

  it('gets a redirect when it is exchanged with another one', () => {
    rename('p/f', 'q/x', 2);
    for (const again of [false, true]) {
      if (again) remount();
      expect([read('q/x'), read('p/f')]).toEqual(['data', 'other']);
    }
  });

  it('gets its data if the path is too long for a redirect', () => {
    const long = 'n'.repeat(200);
    whole(`l1/${long}/${long}/f`, 'data');
    expect(redirectAfter('far', () => rename(`${long}/${long}/f`, 'far'))).toBeUndefined();
    expect(markOf('upper/far', METACOPY)).toBeUndefined();
    expect(readFileSync(join(home, 'upper/far'), 'latin1')).toBe('data');
  });
});
