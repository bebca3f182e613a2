/** Files with several links in one layer are one file for every operation, by every name. */
import { deepEqual, equal, notEqual } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, type Context, type SingleCase, single } from '../case.js';
import { fails } from '../fails.js';
import { dir, linked, type Tree } from '../tree.js';

const { O_RDONLY, O_RDWR, O_TRUNC } = sys;
const LARGE = 3 << 20;
const NAMES = ['a', 'd/b', 'd/c'];

/** Returns three names of a file that no other case has, and another file. */
const three = (id: string, content: string): Tree => ({
  a: linked(content, id, { mode: 0o640 }),
  d: dir({ b: linked('', id), c: linked('', id), other: 'other' }),
});

/** Makes the case with the file in a lower layer and in the upper. */
function eachLayer(spec: SingleCase, content = 'lower'): Case[] {
  const { id } = spec;
  const upper = `${id}-upper`;
  return [
    single({
      ...spec,
      needs: ['lower-hard-links', ...(spec.needs ?? [])],
      placement: 'lower',
      layers: { lower1: three(id, content) },
    }),
    single({ ...spec, id: upper, placement: 'upper', layers: { upper: three(upper, content) } }),
  ];
}

function append(path: string, text: string): void {
  const fd = sys.open(path, O_RDWR | sys.O_APPEND);
  try {
    sys.write(fd, text);
  } finally {
    sys.close(fd);
  }
}

/** Returns the content, inode number and link count of each name. */
function facts(ctx: Context, names: readonly string[] = NAMES): { content: string; ino: number; nlink: number }[] {
  return names.map((name) => {
    const { ino, nlink } = sys.stat(ctx.path(name));
    return { content: sys.readFile(ctx.path(name)), ino, nlink };
  });
}

function same(count: number, content: string, ino: number, nlink: number): ReturnType<typeof facts> {
  return Array.from({ length: count }, () => ({ content, ino, nlink }));
}

export const hardLinkCases: readonly Case[] = [
  ...eachLayer({
    id: 'hard-links-write',
    operation: 'write',
    title: 'a write through one name is visible through all; inode number and link count stay',
    run(ctx) {
      const { ino } = sys.stat(ctx.path('d/b'));
      deepEqual(facts(ctx), same(3, 'lower', ino, 3));
      append(ctx.path('a'), ' and more');
      deepEqual(facts(ctx), same(3, 'lower and more', ino, 3));
      append(ctx.path('d/c'), ', twice');
      deepEqual(facts(ctx), same(3, 'lower and more, twice', ino, 3));
    },
  }),
  ...eachLayer({
    id: 'hard-links-read-open',
    operation: 'open',
    title: 'a descriptor of one name shows writes and truncations through another',
    run(ctx) {
      const reader = ctx.open('d/c', O_RDONLY);
      const writer = ctx.open('a', O_RDWR);
      sys.pwrite(writer, 'LOW', 0);
      equal(sys.pread(reader, 100, 0).toString(), 'LOWer');
      sys.close(sys.open(ctx.path('d/b'), O_RDWR | O_TRUNC));
      equal(sys.pread(reader, 100, 0).length, 0);
      equal(sys.fstat(reader).size, 0);
    },
  }),
  ...eachLayer({
    id: 'hard-links-attributes',
    operation: 'chmod',
    title: 'mode, owner and times belong to all names',
    run(ctx) {
      sys.chmod(ctx.path('d/b'), 0o604);
      sys.chown(ctx.path('a'), 5, 6);
      sys.utimens(ctx.path('d/c'), { sec: 1000, nsec: 0 }, { sec: 2000, nsec: 0 });
      for (const name of NAMES) {
        const { mode, uid, gid, mtime } = sys.stat(ctx.path(name));
        deepEqual([mode & 0o7777, uid, gid, mtime], [0o604, 5, 6, { sec: 2000, nsec: 0 }]);
      }
    },
  }),
  ...eachLayer({
    id: 'hard-links-readdir',
    operation: 'readdir',
    title: 'listings show the inode number of stat, before and after a change',
    run(ctx) {
      const numbers = (): number[] => {
        const fd = sys.open(ctx.path('d'), O_RDONLY);
        try {
          const found = new Map(sys.getdentsToEnd(fd).map(({ name, ino }) => [name, Number(ino)]));
          return ['b', 'c'].map((name) => found.get(name) ?? 0);
        } finally {
          sys.close(fd);
        }
      };
      const { ino } = sys.stat(ctx.path('a'));
      deepEqual(numbers(), [ino, ino]);
      append(ctx.path('d/b'), '!');
      deepEqual(numbers(), [ino, ino]);
      equal(sys.stat(ctx.path('d/c')).ino, ino);
    },
  }),
  ...eachLayer({
    id: 'hard-links-unlink',
    operation: 'unlink',
    title: 'each unlink lowers the link count by one and keeps the content, down to the last name',
    run(ctx) {
      const { ino } = sys.stat(ctx.path('a'));
      sys.unlink(ctx.path('d/b'));
      deepEqual(facts(ctx, ['a', 'd/c']), same(2, 'lower', ino, 2));
      append(ctx.path('a'), '!');
      deepEqual(facts(ctx, ['a', 'd/c']), same(2, 'lower!', ino, 2));
      sys.unlink(ctx.path('a'));
      deepEqual(facts(ctx, ['d/c']), same(1, 'lower!', ino, 1));
      const fd = ctx.open('d/c', O_RDWR);
      sys.unlink(ctx.path('d/c'));
      sys.pwrite(fd, 'gone', 0);
      deepEqual([sys.fstat(fd).nlink, sys.pread(fd, 100, 0).toString()], [0, 'goner!']);
      for (const name of NAMES) fails('ENOENT', () => sys.lstat(ctx.path(name)));
    },
  }),
  ...eachLayer({
    id: 'hard-links-unlink-then-write',
    operation: 'unlink',
    title: 'a file can be changed by another name after its first known name was removed',
    run(ctx) {
      for (const name of NAMES) sys.stat(ctx.path(name));
      sys.unlink(ctx.path('a'));
      append(ctx.path('d/c'), '!');
      const { ino } = sys.stat(ctx.path('d/b'));
      deepEqual(facts(ctx, ['d/b', 'd/c']), same(2, 'lower!', ino, 2));
    },
  }),
  ...eachLayer({
    id: 'hard-links-rename',
    operation: 'rename',
    title: 'a renamed name is a name of the same file',
    run(ctx) {
      const { ino } = sys.stat(ctx.path('a'));
      append(ctx.path('a'), '!');
      sys.rename(ctx.path('d/b'), ctx.path('moved'));
      fails('ENOENT', () => sys.lstat(ctx.path('d/b')));
      deepEqual(facts(ctx, ['a', 'moved', 'd/c']), same(3, 'lower!', ino, 3));
      append(ctx.path('moved'), '!');
      sys.rename(ctx.path('moved'), ctx.path('d/b'));
      deepEqual(facts(ctx), same(3, 'lower!!', ino, 3));
    },
  }),
  ...eachLayer({
    id: 'hard-links-rename-first',
    operation: 'rename',
    title: 'the names stay one file after a rename as the first change',
    run(ctx) {
      const { ino } = sys.stat(ctx.path('a'));
      sys.rename(ctx.path('d/c'), ctx.path('moved'));
      append(ctx.path('d/b'), '!');
      deepEqual(facts(ctx, ['a', 'd/b', 'moved']), same(3, 'lower!', ino, 3));
    },
  }),
  ...eachLayer({
    id: 'hard-links-rename-self',
    operation: 'rename',
    title: 'rename of one name onto another of the same file does nothing',
    run(ctx) {
      append(ctx.path('a'), '!');
      sys.rename(ctx.path('a'), ctx.path('d/b'));
      const { ino } = sys.stat(ctx.path('a'));
      deepEqual(facts(ctx), same(3, 'lower!', ino, 3));
    },
  }),
  ...eachLayer({
    id: 'hard-links-rename-onto',
    operation: 'rename',
    title: 'replacing a name lowers the link count',
    run(ctx) {
      const { ino } = sys.stat(ctx.path('a'));
      sys.rename(ctx.path('d/other'), ctx.path('d/b'));
      deepEqual(facts(ctx, ['a', 'd/c']), same(2, 'lower', ino, 2));
      append(ctx.path('a'), '!');
      sys.rename(ctx.path('d/b'), ctx.path('d/c'));
      deepEqual(facts(ctx, ['a']), same(1, 'lower!', ino, 1));
      equal(sys.readFile(ctx.path('d/c')), 'other');
    },
  }),
  ...eachLayer({
    id: 'hard-links-exchange',
    operation: 'rename',
    title: 'RENAME_EXCHANGE moves one name and no other',
    needs: ['rename-flags'],
    run(ctx) {
      const { ino } = sys.stat(ctx.path('a'));
      append(ctx.path('a'), '!');
      sys.rename(ctx.path('d/b'), ctx.path('d/other'), sys.RENAME_EXCHANGE);
      equal(sys.readFile(ctx.path('d/b')), 'other');
      deepEqual(facts(ctx, ['a', 'd/other', 'd/c']), same(3, 'lower!', ino, 3));
    },
  }),
  ...eachLayer({
    id: 'hard-links-link',
    operation: 'link',
    title: 'link adds a name to the existing ones',
    run(ctx) {
      const { ino } = sys.stat(ctx.path('a'));
      sys.link(ctx.path('d/b'), ctx.path('new'));
      append(ctx.path('d/c'), '!');
      deepEqual(facts(ctx, [...NAMES, 'new']), same(4, 'lower!', ino, 4));
      sys.unlink(ctx.path('d/c'));
      deepEqual(facts(ctx, ['a', 'd/b', 'new']), same(3, 'lower!', ino, 3));
    },
  }),
  ...eachLayer({
    id: 'hard-links-new-name',
    operation: 'open',
    title: 'a new file at a name that was removed is another file',
    run(ctx) {
      append(ctx.path('a'), '!');
      const { ino } = sys.stat(ctx.path('d/c'));
      sys.unlink(ctx.path('d/b'));
      sys.writeFile(ctx.path('d/b'), 'new');
      notEqual(sys.stat(ctx.path('d/b')).ino, ino);
      deepEqual(facts(ctx, ['a', 'd/c']), same(2, 'lower!', ino, 2));
    },
  }),
  ...eachLayer(
    {
      id: 'hard-links-large',
      operation: 'write',
      title: 'a large file is copied up as one file too',
      run(ctx) {
        const reader = ctx.open('d/c', O_RDONLY);
        const writer = ctx.open('d/b', O_RDWR);
        sys.pwrite(writer, 'end', LARGE);
        equal(sys.pread(reader, 10, LARGE - 1).toString(), 'lend');
        deepEqual([sys.stat(ctx.path('a')).size, sys.stat(ctx.path('a')).nlink], [LARGE + 3, 3]);
      },
    },
    'l'.repeat(LARGE),
  ),
];
