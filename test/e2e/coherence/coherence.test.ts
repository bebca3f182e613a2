/**
 * Every reader sees every write across copy-ups, mappings and processes, also a reader that opened the file
 * before. This is stricter than the kernel's overlayfs, where a mapping made before a copy-up keeps showing
 * the lower file.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, type Tree } from '../../conformance/tree.js';
import { type Mounted, mountPlyfs, mountsUnavailable } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();
const OLD = 'old content of three pages '.repeat(500).slice(0, 12_288);
const CASES = ['fd', 'mapping', 'process', 'shared', 'times', 'truncate', 'grow', 'mixed', 'replaced'] as const;

/** The content of each directory: a file for each case. */
const files: Tree = Object.fromEntries(CASES.map((name) => [name, file(OLD, { mtime: 1000 })]));

/** Overwrites the start of a file in another process. */
function writeElsewhere(path: string, text: string): void {
  const done = spawnSync('dd', [`of=${path}`, 'conv=notrunc', 'status=none'], { input: text });
  expect(done.status).toBe(0);
}

function readElsewhere(path: string): string {
  return spawnSync('cat', [path], { encoding: 'latin1', maxBuffer: 1 << 24 }).stdout;
}

describe.skipIf(unavailable !== null)(
  `coherent reads and writes${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    describe.each([
      { name: 'as mounted by default', options: [] },
      { name: 'without passthrough', options: ['passthrough=off'] },
    ])('$name', ({ options }) => {
      let base: string;
      let mounted: Mounted;
      beforeAll(() => {
        base = makeScratch('coherence');
        const layers = makeLayerDirs(base);
        materialize(layers.upper, { upper: dir(files), merged: dir(files) });
        materialize(join(base, 'lower1'), { lower: dir(files), merged: dir({ fd: 'hidden' }) });
        materialize(join(base, 'lower3'), { deep: dir(files) });
        mounted = mountPlyfs(layers, options);
      });
      afterAll(() => {
        mounted?.unmount();
        removeScratch(base);
      });

      describe.each(['upper', 'lower', 'merged', 'deep'])('a file placed %s', (place) => {
        const path = (name: (typeof CASES)[number]): string => `${mounted.mountpoint}/${place}/${name}`;

        it('shows later writes of another process through a descriptor opened for reading', () => {
          const fd = sys.open(path('fd'), sys.O_RDONLY);
          try {
            expect(sys.pread(fd, 20_000, 0).toString('latin1')).toBe(OLD);
            writeElsewhere(path('fd'), 'NEW');
            expect(sys.pread(fd, 20_000, 0).toString('latin1')).toBe(`NEW${OLD.slice(3)}`);
            expect(sys.fstat(fd).mtime.sec).toBeGreaterThan(1_000_000_000);
          } finally {
            sys.close(fd);
          }
        });

        it('shows later writes of another process through a mapping made for reading', () => {
          const fd = sys.open(path('mapping'), sys.O_RDONLY);
          const mapping = new sys.Mapping(fd, OLD.length);
          sys.close(fd);
          try {
            expect(mapping.read(0, OLD.length)).toBe(OLD);
            writeElsewhere(path('mapping'), 'NEW');
            expect(mapping.read(0, 8)).toBe(`NEW${OLD.slice(3, 8)}`);
          } finally {
            mapping.unmap();
          }
        });

        it('shows later writes of this process to another one that opened it before', async () => {
          const script = 'exec 3<"$1"; dd bs=3 count=1 status=none <&3; read -r go; cat <&3';
          const reader = spawn('sh', ['-c', script, 'sh', path('process')], { stdio: ['pipe', 'pipe', 'inherit'] });
          let output = '';
          reader.stdout.setEncoding('latin1').on('data', (text: string) => {
            output += text;
          });
          await once(reader.stdout, 'data');
          const fd = sys.open(path('process'), sys.O_WRONLY);
          sys.pwrite(fd, 'NEW', 3);
          sys.pwrite(fd, 'END', OLD.length);
          sys.close(fd);
          reader.stdin.end('go\n');
          await once(reader, 'close');
          expect(output).toBe(`${OLD.slice(0, 3)}NEW${OLD.slice(6)}END`);
        });

        it('shows unsynced writes through a shared mapping to other processes', () => {
          const fd = sys.open(path('shared'), sys.O_RDWR);
          const mapping = new sys.Mapping(fd, OLD.length, { writable: true });
          try {
            mapping.write(5000, 'MAPPED');
            expect(readElsewhere(path('shared')).slice(5000, 5006)).toBe('MAPPED');
            writeElsewhere(path('shared'), 'BACK');
            expect(mapping.read(0, 4)).toBe('BACK');
          } finally {
            mapping.unmap();
            sys.close(fd);
          }
          expect(readElsewhere(path('shared'))).toBe(`BACK${OLD.slice(4, 5000)}MAPPED${OLD.slice(5006)}`);
        });

        it('has a new mtime for other processes when a written mapping is synced', () => {
          const fd = sys.open(path('times'), sys.O_RDWR);
          const mapping = new sys.Mapping(fd, OLD.length, { writable: true });
          try {
            expect(sys.stat(path('times')).mtime.sec).toBe(1000);
            mapping.write(0, 'X');
            mapping.sync();
            const seen = spawnSync('stat', ['-c', '%Y', path('times')], { encoding: 'utf8' });
            expect(Number(seen.stdout)).toBeGreaterThan(1_000_000_000);
          } finally {
            mapping.unmap();
            sys.close(fd);
          }
        });

        it('shows a truncation by another process to an open descriptor', () => {
          const fd = sys.open(path('truncate'), sys.O_RDONLY);
          try {
            expect(sys.pread(fd, 3, 10_000).length).toBe(3);
            expect(spawnSync('truncate', ['-s', '5', path('truncate')]).status).toBe(0);
            expect(sys.fstat(fd).size).toBe(5);
            expect(sys.pread(fd, 100, 0).toString('latin1')).toBe(OLD.slice(0, 5));
            expect(spawnSync('truncate', ['-s', '8', path('truncate')]).status).toBe(0);
            expect(sys.pread(fd, 100, 0).toString('latin1')).toBe(`${OLD.slice(0, 5)}\0\0\0`);
          } finally {
            sys.close(fd);
          }
        });

        it('shows each appended piece to a reader at its end', () => {
          const fd = sys.open(path('grow'), sys.O_RDONLY);
          try {
            sys.lseek(fd, 0, sys.SEEK_END);
            for (const text of ['one', 'two', 'three']) {
              expect(spawnSync('sh', ['-c', `printf ${text} >> "$1"`, 'sh', path('grow')]).status).toBe(0);
              expect(sys.read(fd, 100).toString()).toBe(text);
            }
          } finally {
            sys.close(fd);
          }
        });

        it('has the same content for readers, writers, mappings and O_DIRECT', () => {
          const fds = [sys.O_RDONLY, sys.O_RDWR, sys.O_RDWR | sys.O_DIRECT, sys.O_WRONLY | sys.O_APPEND].map((flags) =>
            sys.open(path('mixed'), flags),
          );
          const [reader, writer, direct, appender] = fds as [number, number, number, number];
          const mapping = new sys.Mapping(writer, OLD.length, { writable: true });
          try {
            sys.pwriteAligned(direct, 0x44, 4096, 4096);
            expect(sys.pread(reader, 4096, 4096).toString()).toBe('D'.repeat(4096));
            expect(mapping.read(4096, 4)).toBe('DDDD');
            mapping.write(0, 'MMAP');
            expect(sys.pread(reader, 4, 0).toString()).toBe('MMAP');
            expect(sys.preadAligned(direct, 4096, 0).toString('latin1', 0, 4)).toBe('MMAP');
            sys.write(appender, 'tail');
            expect(sys.pread(reader, 10, OLD.length).toString()).toBe('tail');
            expect(readElsewhere(path('mixed')).length).toBe(OLD.length + 4);
          } finally {
            mapping.unmap();
            for (const fd of fds) sys.close(fd);
          }
        });

        it('keeps its content in a mapping when another file replaces it', () => {
          const fd = sys.open(path('replaced'), sys.O_RDONLY);
          const mapping = new sys.Mapping(fd, OLD.length);
          sys.close(fd);
          try {
            sys.writeFile(`${path('replaced')}.new`, 'a new file');
            sys.rename(`${path('replaced')}.new`, path('replaced'));
            expect(mapping.read(0, OLD.length)).toBe(OLD);
            expect(readElsewhere(path('replaced'))).toBe('a new file');
          } finally {
            mapping.unmap();
          }
        });
      });
    });
  },
);
