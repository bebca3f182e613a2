import { deepEqual, equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onFile } from '../placements.js';
import { file } from '../tree.js';

const { O_CREAT, O_RDONLY, O_RDWR, O_WRONLY, SEEK_DATA, SEEK_HOLE } = sys;
const KEEP_SIZE = sys.FALLOC_FL_KEEP_SIZE;
const PUNCH_HOLE = sys.FALLOC_FL_PUNCH_HOLE;
const COLLAPSE = 0x08;
const ZERO_RANGE = 0x10;
const INSERT = 0x20;
const BLOCK = 4096;
/** A file of four blocks: A, B, C, D. */
const BLOCKS = file(['A', 'B', 'C', 'D'].map((letter) => letter.repeat(BLOCK)).join(''));
const letters = (content: string): string =>
  content.replace(/(.)\1{4095}/gs, (_, letter: string) => (letter === '\0' ? '0' : letter));

export const allocateCases: readonly Case[] = [
  ...onFile({
    id: 'fallocate-extend',
    operation: 'fallocate',
    title: 'fallocate extends the file with zeros',
    needs: ['fallocate'],
    run(ctx, path) {
      sys.fallocate(ctx.open('d/f', O_RDWR), 0, 0, 10_000);
      const content = sys.readFile(path);
      deepEqual([content.length, content.slice(0, 8)], [10_000, `${CONTENT}\0`]);
      ok(sys.stat(path).blocks >= 20);
    },
  }),
  ...onFile({
    id: 'fallocate-keep-size',
    operation: 'fallocate',
    title: 'KEEP_SIZE allocates without changing the size',
    needs: ['fallocate'],
    run(ctx, path) {
      sys.fallocate(ctx.open('d/f', O_RDWR), KEEP_SIZE, 0, 1 << 20);
      equal(sys.readFile(path), CONTENT);
      ok(sys.stat(path).blocks >= 2048);
    },
  }),
  ...onFile({
    id: 'fallocate-punch',
    operation: 'fallocate',
    title: 'PUNCH_HOLE makes zeros that other readers see and SEEK_HOLE finds',
    needs: ['fallocate'],
    object: BLOCKS,
    run(ctx, path) {
      const reader = ctx.open('d/f', O_RDONLY);
      equal(sys.pread(reader, 1, BLOCK).toString(), 'B');
      const fd = ctx.open('d/f', O_RDWR);
      sys.fallocate(fd, PUNCH_HOLE | KEEP_SIZE, BLOCK, 2 * BLOCK);
      equal(letters(sys.readFile(path)), 'A00D');
      equal(sys.pread(reader, 1, BLOCK).toString(), '\0');
      equal(sys.lseek(fd, 0, SEEK_HOLE), BLOCK);
      equal(sys.lseek(fd, BLOCK, SEEK_DATA), 3 * BLOCK);
    },
  }),
  ...onFile({
    id: 'fallocate-zero-range',
    operation: 'fallocate',
    title: 'ZERO_RANGE zeroes inside and extends beyond the end',
    needs: ['fallocate'],
    object: BLOCKS,
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR);
      sys.fallocate(fd, ZERO_RANGE, BLOCK, BLOCK);
      sys.fallocate(fd, ZERO_RANGE, 3 * BLOCK, 2 * BLOCK);
      equal(letters(sys.readFile(path)), 'A0C00');
    },
  }),
  ...onFile({
    id: 'fallocate-collapse',
    operation: 'fallocate',
    title: 'COLLAPSE_RANGE removes blocks, INSERT_RANGE inserts zeros',
    needs: ['collapse-range'],
    object: BLOCKS,
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR);
      sys.fallocate(fd, COLLAPSE, BLOCK, BLOCK);
      equal(letters(sys.readFile(path)), 'ACD');
      sys.fallocate(fd, INSERT, 2 * BLOCK, BLOCK);
      equal(letters(sys.readFile(path)), 'AC0D');
      equal(sys.stat(path).size, 4 * BLOCK);
    },
  }),
  single({
    id: 'fallocate-errors',
    operation: 'fallocate',
    title: 'fallocate of a descriptor for reading is EBADF, of length 0 EINVAL, with an unknown mode EOPNOTSUPP',
    run(ctx) {
      sys.writeFile(ctx.path('f'), 'x');
      fails('EBADF', () => sys.fallocate(ctx.open('f', O_RDONLY), 0, 0, 10));
      const fd = ctx.open('f', O_RDWR);
      fails('EINVAL', () => sys.fallocate(fd, 0, 0, 0));
      fails('EINVAL', () => sys.fallocate(fd, 0, -1, 10));
      fails('EOPNOTSUPP', () => sys.fallocate(fd, PUNCH_HOLE, 0, 10));
      fails('EOPNOTSUPP', () => sys.fallocate(fd, 0x4000, 0, 10));
    },
  }),
  ...onFile({
    id: 'lseek-positions',
    operation: 'lseek',
    title: 'SEEK_SET, SEEK_CUR and SEEK_END move the position; before the start is EINVAL',
    run(ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      equal(sys.lseek(fd, -3, sys.SEEK_END), CONTENT.length - 3);
      equal(sys.read(fd, 10).toString(), 'ent');
      equal(sys.lseek(fd, -1, sys.SEEK_CUR), CONTENT.length - 1);
      equal(sys.lseek(fd, 1000, sys.SEEK_SET), 1000);
      equal(sys.read(fd, 10).length, 0);
      fails('EINVAL', () => sys.lseek(fd, -1, sys.SEEK_SET));
    },
  }),
  ...onFile({
    id: 'lseek-data-hole',
    operation: 'lseek',
    title: 'SEEK_DATA and SEEK_HOLE find the data and the end of a file without holes; beyond the end is ENXIO',
    run(ctx) {
      const fd = ctx.open('d/f', O_RDONLY);
      equal(sys.lseek(fd, 2, SEEK_DATA), 2);
      equal(sys.lseek(fd, 2, SEEK_HOLE), CONTENT.length);
      fails('ENXIO', () => sys.lseek(fd, CONTENT.length, SEEK_DATA));
      fails('ENXIO', () => sys.lseek(fd, CONTENT.length, SEEK_HOLE));
    },
  }),
  single({
    id: 'lseek-sparse',
    operation: 'lseek',
    title: 'SEEK_DATA finds the data of a sparse file',
    needs: ['seek-holes'],
    run(ctx) {
      const fd = ctx.open('sparse', O_RDWR | O_CREAT);
      sys.ftruncate(fd, 1 << 20);
      sys.pwrite(fd, 'island', 512 * 1024);
      equal(sys.lseek(fd, 0, SEEK_DATA), 512 * 1024);
      equal(sys.lseek(fd, 512 * 1024, SEEK_HOLE), 512 * 1024 + BLOCK);
      sys.fsync(fd);
      ok(sys.fstat(fd).blocks <= 64);
    },
  }),
  ...onFile({
    id: 'copy-file-range',
    operation: 'copy_file_range',
    title: 'copy_file_range copies between two files, and within one',
    object: BLOCKS,
    run(ctx) {
      const from = ctx.open('d/f', O_RDONLY);
      const to = ctx.open('copy', O_RDWR | O_CREAT);
      equal(sys.copyFileRange(from, BLOCK, to, 0, 2 * BLOCK), 2 * BLOCK);
      equal(letters(sys.readFile(ctx.path('copy'))), 'BC');
      const itself = ctx.open('d/f', O_RDWR);
      equal(sys.copyFileRange(itself, 0, itself, 3 * BLOCK, BLOCK), BLOCK);
      equal(letters(sys.readFile(ctx.path('d/f'))), 'ABCA');
      equal(sys.copyFileRange(from, 4 * BLOCK, to, 0, BLOCK), 0);
    },
  }),
  ...onFile({
    id: 'copy-file-range-into',
    operation: 'copy_file_range',
    title: 'copy_file_range into a file is visible to a reader that has cached it',
    object: BLOCKS,
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      equal(sys.pread(reader, 1, 0).toString(), 'A');
      sys.writeFile(ctx.path('source'), 'Z'.repeat(BLOCK));
      const into = ctx.open('d/f', O_WRONLY);
      equal(sys.copyFileRange(ctx.open('source', O_RDONLY), 0, into, 0, BLOCK), BLOCK);
      equal(sys.pread(reader, 1, 0).toString(), 'Z');
    },
  }),
  ...onFile({
    id: 'sendfile',
    operation: 'sendfile',
    title: 'sendfile reads from the file and writes to it',
    object: BLOCKS,
    run(ctx, path) {
      const to = ctx.open('copy', O_RDWR | O_CREAT);
      equal(sys.sendfile(to, ctx.open('d/f', O_RDONLY), 1 << 20), 4 * BLOCK);
      equal(letters(sys.readFile(ctx.path('copy'))), 'ABCD');
      sys.lseek(to, 2 * BLOCK, sys.SEEK_SET);
      equal(sys.sendfile(ctx.open('d/f', O_WRONLY), to, BLOCK), BLOCK);
      equal(letters(sys.readFile(path)), 'CBCD');
    },
  }),
  ...onFile({
    id: 'fsync',
    operation: 'fsync',
    title: 'fsync, fdatasync and syncfs succeed on files and directories, read-only ones too',
    run(ctx) {
      const reader = ctx.open('d/f', O_RDONLY);
      sys.fsync(reader);
      sys.fdatasync(reader);
      const writer = ctx.open('d/f', O_RDWR);
      sys.write(writer, 'x');
      sys.fdatasync(writer);
      sys.fsync(writer);
      const directory = ctx.open('d', O_RDONLY);
      sys.fsync(directory);
      sys.syncfs(directory);
    },
  }),
  single({
    id: 'statfs',
    operation: 'statfs',
    title: "statfs shows the sizes of the upper's file system",
    run(ctx) {
      const { bsize, blocks, bfree, files } = sys.statfs(ctx.root);
      ok(bsize >= 512 && blocks > 0 && bfree > 0 && bfree <= blocks && files > 0);
    },
  }),
];
