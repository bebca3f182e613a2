import { equal, ok } from 'node:assert/strict';
import * as sys from '../../harness/sys/index.js';
import { type Case, single } from '../case.js';
import { fails } from '../fails.js';
import { CONTENT, onFile } from '../placements.js';
import { file } from '../tree.js';

const { O_RDONLY, O_RDWR, O_WRONLY } = sys;
const SIZE = CONTENT.length;

export const mappingCases: readonly Case[] = [
  ...onFile({
    id: 'mmap-read',
    operation: 'mmap',
    title: 'a mapping for reading shows the content, also after the descriptor was closed',
    run(ctx, path) {
      const fd = sys.open(path, O_RDONLY);
      const mapping = new sys.Mapping(fd, SIZE);
      ctx.defer(() => mapping.unmap());
      sys.close(fd);
      equal(mapping.read(0, SIZE), CONTENT);
    },
  }),
  ...onFile({
    id: 'mmap-private',
    operation: 'mmap',
    title: 'a change of a private mapping is visible in that mapping only',
    run(ctx, path) {
      const mapping = new sys.Mapping(ctx.open('d/f', O_RDONLY), SIZE, { writable: true, shared: false });
      ctx.defer(() => mapping.unmap());
      mapping.write(0, 'PRIVATE');
      equal(mapping.read(0, SIZE), 'PRIVATE');
      equal(sys.readFile(path), CONTENT);
    },
  }),
  ...onFile({
    id: 'mmap-shared-write',
    operation: 'mmap',
    title: 'a write to a shared mapping is visible to other readers, and sets mtime',
    object: file(CONTENT, { mtime: 1000 }),
    run(ctx, path) {
      const reader = ctx.open('d/f', O_RDONLY);
      const mapping = new sys.Mapping(ctx.open('d/f', O_RDWR), SIZE, { writable: true });
      ctx.defer(() => mapping.unmap());
      mapping.write(2, 'MAP');
      equal(sys.pread(reader, 100, 0).toString(), 'coMAPnt');
      equal(sys.readFile(path), 'coMAPnt');
      mapping.sync();
      ok(sys.stat(path).mtime.sec > 1_000_000_000);
    },
  }),
  ...onFile({
    id: 'mmap-sees-write',
    operation: 'mmap',
    title: 'a mapping of a file open for writing shows the writes',
    run(ctx) {
      const fd = ctx.open('d/f', O_RDWR);
      const mapping = new sys.Mapping(fd, SIZE);
      ctx.defer(() => mapping.unmap());
      equal(mapping.read(0, 3), 'con');
      sys.pwrite(fd, 'WRI', 0);
      equal(mapping.read(0, 3), 'WRI');
    },
  }),
  ...onFile({
    id: 'mmap-before-copy-up',
    operation: 'mmap',
    title: 'a mapping made before the first write shows it',
    needs: ['coherent-mappings'],
    run(ctx) {
      const mapping = new sys.Mapping(ctx.open('d/f', O_RDONLY), SIZE);
      ctx.defer(() => mapping.unmap());
      equal(mapping.read(0, SIZE), CONTENT);
      const writer = ctx.open('d/f', O_WRONLY);
      sys.pwrite(writer, 'WRITTEN', 0);
      equal(mapping.read(0, SIZE), 'WRITTEN');
    },
  }),
  ...onFile({
    id: 'mmap-denied',
    operation: 'mmap',
    title: 'a shared writable mapping of a descriptor for reading is EACCES, and any mapping of a write-only one',
    run(ctx) {
      fails('EACCES', () => new sys.Mapping(ctx.open('d/f', O_RDONLY), SIZE, { writable: true }));
      fails('EACCES', () => new sys.Mapping(ctx.open('d/f', O_WRONLY), SIZE));
    },
  }),
  single({
    id: 'mmap-unlinked',
    operation: 'mmap',
    placement: 'lower',
    title: 'a mapping stays valid when its file is removed',
    layers: { lower1: { f: file(CONTENT) } },
    run(ctx) {
      const fd = sys.open(ctx.path('f'), O_RDONLY);
      const mapping = new sys.Mapping(fd, SIZE);
      ctx.defer(() => mapping.unmap());
      sys.close(fd);
      sys.unlink(ctx.path('f'));
      sys.writeFile(ctx.path('f'), 'another');
      equal(mapping.read(0, SIZE), CONTENT);
    },
  }),
];
