import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onAbsence, onFile } from '../placements.js';
import { file } from '../tree.js';

const { O_CREAT, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = sys;
/** More than a megabyte, for several requests, and without repetition. */
const LARGE = Array.from({ length: 40_000 }, (_, i) => `line ${String(i).padStart(24, '.')}\n`).join('');

export const dataCases: readonly Case[] = [
  ...onFile({
    id: 'read-all',
    operation: 'read',
    title: 'read returns the content, then 0 at the end, and nothing beyond it',
    run(ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      equal(sys.read(fd, 4).toString(), 'cont');
      equal(sys.read(fd, 100).toString(), 'ent');
      equal(sys.read(fd, 100).length, 0);
      equal(sys.pread(fd, 100, 1000).length, 0);
      equal(sys.pread(fd, 3, 2).toString(), 'nte');
    },
  }),
  ...onFile({
    id: 'read-lower-atime',
    operation: 'read',
    title: 'reading a file of a lower layer keeps its access time',
    needs: ['upper'],
    placements: ['lower', 'deep', 'whiteout'],
    run(_, path) {
      const before = sys.stat(path).atime;
      sys.readFile(path);
      sys.readFile(path);
      deepEqual(sys.stat(path).atime, before);
    },
  }),
  ...onFile({
    id: 'read-large',
    operation: 'read',
    title: 'a file of a megabyte can be read whole and in pieces',
    object: file(LARGE),
    run(ctx, path) {
      ok(sys.readFile(path) === LARGE);
      const fd = ctx.open('d/f', O_RDONLY);
      for (const at of [0, 4095, 131_071, 1_000_001, LARGE.length - 5]) {
        equal(sys.pread(fd, 50, at).toString('latin1'), LARGE.slice(at, at + 50));
      }
    },
  }),
  ...onFile({
    id: 'write-middle',
    operation: 'write',
    title: 'a write in the middle keeps the rest and the size',
    object: file(LARGE),
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR);
      equal(sys.pwrite(fd, 'WRITTEN', 500_000), 7);
      const now = sys.readFile(path);
      ok(now === `${LARGE.slice(0, 500_000)}WRITTEN${LARGE.slice(500_007)}`);
    },
  }),
  ...onFile({
    id: 'write-beyond-end',
    operation: 'write',
    title: 'a write beyond the end makes zeros between',
    run(ctx, path) {
      const fd = ctx.open('d/f', O_WRONLY);
      sys.pwrite(fd, 'end', 10_000);
      const now = sys.readFile(path);
      equal(now.length, 10_003);
      equal(now, `${CONTENT}${'\0'.repeat(10_000 - CONTENT.length)}end`);
      equal(sys.stat(path).size, 10_003);
    },
  }),
  ...onFile({
    id: 'write-times',
    operation: 'write',
    title: 'a write sets mtime and ctime to now',
    object: file(CONTENT, { mtime: 1000 }),
    run(ctx, path) {
      const before = sys.stat(path);
      const fd = ctx.open('d/f', O_WRONLY);
      sys.write(fd, 'x');
      sys.fsync(fd);
      const after = sys.stat(path);
      ok(after.mtime.sec > 1_000_000_000);
      ok(after.ctime.sec >= before.ctime.sec);
    },
  }),
  ...onFile({
    id: 'open-write-keeps-times',
    operation: 'open',
    title: 'opening for writing without a write keeps mtime',
    object: file(CONTENT, { mtime: 1000 }),
    run(ctx, path) {
      ctx.open('d/f', O_RDWR);
      equal(sys.stat(path).mtime.sec, 1000);
    },
  }),
  ...onFile({
    id: 'write-two-descriptors',
    operation: 'write',
    title: 'two descriptors of one file show the same data at once',
    run(ctx) {
      const one = ctx.open('d/f', O_RDWR);
      const two = ctx.open('d/f', O_RDWR);
      sys.pwrite(one, 'ONE', 0);
      equal(sys.pread(two, 7, 0).toString(), 'ONEtent');
      sys.pwrite(two, 'TWO', 4);
      equal(sys.pread(one, 7, 0).toString(), 'ONEtTWO');
      equal(sys.fstat(one).size, 7);
    },
  }),
  ...onAbsence({
    id: 'write-large',
    operation: 'write',
    title: 'a megabyte can be written in one write and in many',
    run(ctx, path) {
      const fd = ctx.open('d/n', O_RDWR | O_CREAT);
      equal(sys.write(fd, LARGE), LARGE.length);
      for (let i = 0; i < 100; i++) sys.write(fd, LARGE.slice(i * 999, i * 999 + 999));
      const now = sys.readFile(path);
      ok(now === LARGE + LARGE.slice(0, 99_900));
    },
  }),
  ...onFile({
    id: 'truncate-shorter',
    operation: 'truncate',
    title: 'truncate to less cuts the file and sets mtime',
    object: file(CONTENT, { mtime: 1000 }),
    run(_, path) {
      sys.truncate(path, 3);
      equal(sys.readFile(path), 'con');
      ok(sys.stat(path).mtime.sec > 1_000_000_000);
    },
  }),
  ...onFile({
    id: 'truncate-longer',
    operation: 'truncate',
    title: 'truncate to more adds zeros',
    run(_, path) {
      sys.truncate(path, 10_000);
      const now = sys.readFile(path);
      deepEqual([now.length, now.slice(0, 9)], [10_000, `${CONTENT}\0\0`]);
    },
  }),
  ...onFile({
    id: 'truncate-zero',
    operation: 'truncate',
    title: 'a file truncated to 0 and written again has no old data',
    object: file(LARGE),
    run(_, path) {
      sys.truncate(path, 0);
      equal(sys.stat(path).size, 0);
      sys.truncate(path, 10);
      equal(sys.readFile(path), '\0'.repeat(10));
    },
  }),
  ...onFile({
    id: 'ftruncate',
    operation: 'ftruncate',
    title: 'ftruncate is visible through every descriptor of the file',
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      const writer = ctx.open('d/f', O_RDWR);
      sys.ftruncate(writer, 2);
      deepEqual([sys.fstat(reader).size, sys.pread(reader, 9, 0).toString()], [2, 'co']);
      sys.ftruncate(writer, 5);
      equal(sys.pread(reader, 9, 0).toString(), 'co\0\0\0');
    },
  }),
  single({
    id: 'truncate-errors',
    operation: 'truncate',
    title: 'truncate refuses a negative size and a directory',
    run(ctx) {
      sys.writeFile(ctx.path('f'), 'x');
      fails('EINVAL', () => sys.truncate(ctx.path('f'), -1));
      fails('EISDIR', () => sys.truncate(ctx.root, 0));
    },
  }),
  ...onFile({
    id: 'rewrite-trunc',
    operation: 'open',
    title: 'a file written three times with O_TRUNC has the last content',
    run(_, path) {
      for (const text of ['first, the longest of all', 'second', '3']) {
        const fd = sys.open(path, O_WRONLY | O_CREAT | O_TRUNC);
        sys.write(fd, text);
        sys.close(fd);
        equal(sys.readFile(path), text);
      }
    },
  }),
];
