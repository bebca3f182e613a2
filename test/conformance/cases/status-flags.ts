import { equal } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import type { Case, Context } from '../case.js';
import { onFile } from '../placements.js';
import { file } from '../tree.js';

const { O_APPEND, O_CREAT, O_DIRECT, O_RDONLY, O_RDWR, O_WRONLY } = sys;
const DIGITS = '0123456789';
const BLOCK = 4096;
const BLOCKS = 'x'.repeat(2 * BLOCK);

/** Other descriptors of the file, which decide whether the descriptor of the case is in passthrough. */
const BESIDE: readonly (readonly [string, (ctx: Context) => void])[] = [
  ['alone', () => undefined],
  ['beside-reader', (ctx) => sys.pread(ctx.open('d/f', O_RDONLY), 1, 0)],
  ['beside-writer', (ctx) => sys.pwrite(ctx.open('d/f', O_RDWR), '0', 0)],
];

/** fcntl(2) F_SETFL changes flags for all later calls on the open file. */
export const statusFlagCases: readonly Case[] = [
  ...BESIDE.flatMap(([name, beside]) =>
    [O_RDWR, O_WRONLY].flatMap((access) =>
      onFile({
        id: `setfl-append-cleared-${name}-${access === O_RDWR ? 'rw' : 'w'}`,
        operation: 'fcntl F_SETFL',
        title: `a descriptor opened with O_APPEND writes at the given offset when the flag is cleared (${name}, ${access})`,
        placements: ['upper', 'lower'],
        object: file(DIGITS),
        run(ctx, path) {
          beside(ctx);
          const fd = ctx.open('d/f', access | O_APPEND);
          sys.pwrite(fd, '+', 0);
          sys.setStatusFlags(fd, 0);
          sys.pwrite(fd, 'AB', 2);
          equal(sys.readFile(path), '01AB456789+');
          sys.setStatusFlags(fd, O_APPEND);
          sys.pwrite(fd, '-', 0);
          equal(sys.readFile(path), '01AB456789+-');
        },
      }),
    ),
  ),
  ...onFile({
    id: 'setfl-append-added',
    operation: 'fcntl F_SETFL',
    title: 'a descriptor that gets O_APPEND later writes at the end, also after writes of others',
    object: file(DIGITS),
    run(ctx, path) {
      const fd = ctx.open('d/f', O_WRONLY);
      sys.setStatusFlags(fd, O_APPEND);
      sys.write(ctx.open('d/f', O_WRONLY | O_APPEND), '+');
      sys.write(fd, '-');
      sys.truncate(path, 11);
      sys.write(fd, '=');
      equal(sys.readFile(path), `${DIGITS}+=`);
    },
  }),
  ...onFile({
    id: 'setfl-append-created',
    operation: 'fcntl F_SETFL',
    title: 'a file made with O_CREAT and O_APPEND is written at the given offset when the flag is cleared',
    placements: ['upper', 'lower'],
    run(ctx) {
      const fd = ctx.open('d/new', O_RDWR | O_CREAT | O_APPEND);
      sys.write(fd, DIGITS);
      sys.setStatusFlags(fd, 0);
      sys.pwrite(fd, 'AB', 2);
      equal(sys.readFile(ctx.path('d/new')), '01AB456789');
    },
  }),
  ...onFile({
    id: 'appenders-and-writers',
    operation: 'write',
    title: 'appenders, writers, truncation and allocation of one file agree on its end',
    object: file(DIGITS),
    run(ctx, path) {
      const writer = ctx.open('d/f', O_RDWR);
      const appender = ctx.open('d/f', O_WRONLY | O_APPEND);
      const second = ctx.open('d/f', O_RDWR | O_APPEND);
      sys.write(appender, 'a');
      sys.pwrite(writer, 'w', 11);
      sys.write(second, 's');
      equal(sys.fstat(writer).size, 13);
      sys.ftruncate(writer, 12);
      sys.write(appender, 'b');
      sys.copyFileRange(second, 0, writer, 13, 2);
      sys.write(appender, 'c');
      equal(sys.statOne(path, 'size'), 16);
      equal(sys.pread(second, 100, 10).toString(), 'awb01c');
      equal(sys.lseek(appender, 0, sys.SEEK_END), 16);
    },
  }),
  ...onFile({
    id: 'appender-and-mapping',
    operation: 'write',
    title:
      'a mapping through an appending descriptor, or another one, shows the appended data, and the descriptor reads writes to it',
    needs: ['coherent-mappings'],
    object: file(BLOCKS),
    run(ctx) {
      const appender = ctx.open('d/f', O_RDWR | O_APPEND);
      const writer = ctx.open('d/f', O_RDWR);
      const [own, other] = [appender, writer].map((fd) => new sys.Mapping(fd, 3 * BLOCK, { writable: true }));
      ctx.defer(() => own?.unmap());
      ctx.defer(() => other?.unmap());
      sys.write(appender, 'appended');
      equal(own?.read(2 * BLOCK, 8), 'appended');
      equal(other?.read(2 * BLOCK, 8), 'appended');
      own?.write(10, 'own');
      other?.write(20, 'other');
      equal(sys.pread(appender, 15, 10).toString(), 'ownxxxxxxxother');
      sys.pwrite(writer, 'W', 0);
      equal(sys.pread(appender, 1, 0).toString(), 'W');
    },
  }),
  ...onFile({
    id: 'appender-sendfile',
    operation: 'sendfile',
    title: 'sendfile from an appending descriptor sends the data that others have written since the last time',
    object: file(DIGITS),
    run(ctx) {
      const appender = ctx.open('d/f', O_RDWR | O_APPEND);
      const writer = ctx.open('d/f', O_RDWR);
      const copy = ctx.open('d/copy', O_RDWR | O_CREAT);
      for (const text of ['one', 'two']) {
        sys.pwrite(writer, text, 2);
        sys.sendfileAt(copy, appender, 0, 10);
      }
      equal(sys.pread(copy, 100, 0).toString(), '01one5678901two56789');
    },
  }),
  ...onFile({
    id: 'setfl-direct-cleared',
    operation: 'fcntl F_SETFL',
    title: 'a descriptor opened with O_DIRECT reads and writes parts of blocks when the flag is cleared',
    needs: ['o-direct'],
    object: file(BLOCKS),
    run(ctx, path) {
      const fd = ctx.open('d/f', O_RDWR | O_DIRECT);
      sys.pwriteAligned(fd, 0x44, BLOCK, 0);
      equal(sys.preadAligned(fd, BLOCK, 0).toString(), 'D'.repeat(BLOCK));
      equal(sys.preadAligned(fd, 4 * BLOCK, 0).length, 2 * BLOCK);
      sys.setStatusFlags(fd, 0);
      sys.pwrite(fd, 'tail', 2 * BLOCK);
      equal(sys.pread(fd, 6, 2 * BLOCK - 2).toString(), 'xxtail');
      equal(sys.stat(path).size, 2 * BLOCK + 4);
      sys.setStatusFlags(fd, O_DIRECT);
      sys.pwriteAligned(fd, 0x45, BLOCK, BLOCK);
      equal(sys.pread(ctx.open('d/f', O_RDONLY), 6, 2 * BLOCK - 2).toString(), 'EEtail');
    },
  }),
  ...onFile({
    id: 'setfl-direct-reader',
    operation: 'fcntl F_SETFL',
    title: 'a reader opened with O_DIRECT reads parts of blocks when the flag is cleared',
    needs: ['o-direct'],
    object: file(BLOCKS),
    run(ctx) {
      const fd = ctx.open('d/f', O_RDONLY | O_DIRECT);
      equal(sys.preadAligned(fd, BLOCK, BLOCK).toString(), 'x'.repeat(BLOCK));
      sys.setStatusFlags(fd, 0);
      equal(sys.pread(fd, 3, 2 * BLOCK - 3).toString(), 'xxx');
    },
  }),
  ...onFile({
    id: 'setfl-direct-added',
    operation: 'fcntl F_SETFL',
    title: 'a descriptor that gets O_DIRECT later reads and writes the same data as others',
    needs: ['o-direct'],
    object: file(BLOCKS),
    run(ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      sys.pwrite(fd, 'y', 0);
      sys.setStatusFlags(fd, O_DIRECT);
      equal(sys.preadAligned(fd, BLOCK, 0).toString('latin1', 0, 2), 'yx');
      sys.pwriteAligned(fd, 0x44, BLOCK, 0);
      equal(sys.pread(ctx.open('d/f', O_RDONLY), 2, BLOCK - 1).toString(), 'Dx');
    },
  }),
];
