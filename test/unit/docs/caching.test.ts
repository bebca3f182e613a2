/** The table of docs/design/caching.md has every file that makes the kernel drop cached attributes. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const read = (path: string): string => readFileSync(at(path), 'utf8');

describe('the attributes that plyfs invalidates, in docs/design/caching.md', () => {
  it('have a row for each file that invalidates them, and no other row', () => {
    const callers = readdirSync(at('src'), { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts') && /\.invalidateAttributes\(/.test(read(`src/${path}`)))
      .sort();
    const section =
      /\n## Attributes that plyfs invalidates\n(.*?)\n## /s.exec(read('docs/design/caching.md'))?.[1] ?? '';
    const named = [...section.matchAll(/`(\w[\w/-]*\/[\w-]+\.ts)` \|$/gm)].map(([, path = '']) => path);
    expect([...new Set(named)].sort()).toEqual(callers);
  });
});
