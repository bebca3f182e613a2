/**
 * When applications have used up the files that the server can have open, only calls that open a file fail.
 */

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFilesOf } from '../../harness/machine/processes.js';
import { type ForegroundMount, mountForeground, mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();
/** The server's limit of open files. It reserves a part of them for itself. */
const LIMIT = 1400;
/** More files than the server can have open. */
const FILES = 1300;
/** More directories than the server keeps open. */
const DIRECTORIES = 500;

describe.skipIf(unavailable !== null)(
  `a server without a free file descriptor${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    let base: string;
    let layers: WritableLayerDirs;
    let mounted: ForegroundMount;
    const held: number[] = [];

    beforeEach(async () => {
      base = makeScratch('budget');
      layers = makeLayerDirs(base);
      sys.mkdir(join(base, 'lower1', 'd'));
      sys.mkdir(join(base, 'lower1', 'other'));
      for (let i = 0; i < FILES; i++) sys.writeFile(join(base, 'lower1', 'd', `f${i}`), `content ${i}`);
      for (let i = 0; i < DIRECTORIES; i++) mkdirSync(join(base, 'lower1', 'many', `d${i}`), { recursive: true });
      mounted = await mountForeground(layers, ['fsync=0'], undefined, ['prlimit', `--nofile=${LIMIT}:${LIMIT}`, PLYFS]);
    });
    afterEach(async () => {
      closeAll();
      mounted?.unmount();
      if (mounted !== undefined && mounted.server.exitCode === null) await once(mounted.server, 'exit');
      removeScratch(base);
    });

    const at = (path: string): string => join(mounted.mountpoint, path);
    function closeAll(): void {
      for (const fd of held.splice(0)) sys.close(fd);
    }

    /** Opens files until open(2) fails, and returns their number. */
    function useUp(flags: number): number {
      for (let i = 0; i < FILES; i++) {
        const outcome = sys.outcome(() => held.push(sys.open(at(`d/f${i}`), flags)));
        if (outcome === 'ok') continue;
        expect(outcome).toBe('ENFILE');
        return i;
      }
      throw new Error(`the server opened ${FILES} files`);
    }

    it.each([
      ['reading', sys.O_RDONLY],
      ['writing', sys.O_RDWR],
    ])('fails open, create and O_TMPFILE with ENFILE and changes nothing, with files opened for %s', (_, flags) => {
      const opened = useUp(flags);
      expect(opened).toBeGreaterThan(10);
      const before = readdirSync(layers.upper, { recursive: true });
      const refused = [
        () => sys.open(at(`d/f${opened}`), sys.O_RDONLY),
        () => sys.open(at(`d/f${opened}`), sys.O_RDWR),
        () => sys.open(at(`d/f${opened}`), sys.O_WRONLY | sys.O_TRUNC),
        () => sys.open(at('d/new'), sys.O_CREAT | sys.O_RDWR),
        () => sys.open(at('other'), sys.O_TMPFILE | sys.O_RDWR),
      ];
      for (const open of refused) expect(sys.outcome(open)).toBe('ENFILE');
      expect(readdirSync(layers.upper, { recursive: true })).toEqual(before);
      expect(readdirSync(join(layers.work, 'work'))).toEqual([]);
      expect(sys.stat(at(`d/f${opened}`)).size).toBe(`content ${opened}`.length);
    });

    it('closes directories that it keeps open before it refuses to open a file', () => {
      const walked = spawnSync('find', [mounted.mountpoint, '-links', '99'], { encoding: 'utf8' });
      expect([walked.status, walked.stderr]).toEqual([0, '']);
      const directories = (): number =>
        [...openFilesOf(mounted.server.pid ?? Number.NaN).values()].filter((path) =>
          /lower1\/many\/|^\/many\//.test(path),
        ).length;
      expect(directories()).toBeGreaterThan(DIRECTORIES / 2);
      expect(useUp(sys.O_RDONLY)).toBeGreaterThan(0.8 * LIMIT);
      expect(directories()).toBeLessThan(50);
      expect(spawnSync('find', [mounted.mountpoint, '-links', '99'], { encoding: 'utf8' })).toMatchObject({
        ...{ status: 0, stderr: '' },
      });
    });

    it('serves all calls that open nothing', () => {
      const opened = useUp(sys.O_RDONLY);
      expect(readdirSync(at('d'))).toHaveLength(FILES);
      expect(sys.stat(at(`d/f${FILES - 1}`)).nlink).toBe(1);
      sys.unlink(at(`d/f${opened}`));
      sys.mkdir(at('other/made'));
      sys.chmod(at('d'), 0o700);
      sys.chmod(at(`d/f${FILES - 1}`), 0o600);
      sys.truncate(at(`d/f${FILES - 1}`), 3);
      sys.rename(at(`d/f${FILES - 1}`), at('other/made/moved'));
      expect(readdirSync(at('other/made'))).toEqual(['moved']);
      // An open file can be opened again.
      held.push(sys.open(at('d/f0'), sys.O_RDWR));
      sys.pwrite(held.at(-1) as number, 'C', 0);
      expect(sys.pread(held[0] as number, 7, 0).toString()).toBe('Content');
    });

    it('opens files again after some were closed', () => {
      const opened = useUp(sys.O_RDWR);
      closeAll();
      expect(useUp(sys.O_RDONLY)).toBe(opened);
      closeAll();
      sys.writeFile(at('d/new'), 'there is room');
      expect(sys.readFile(at('d/new'))).toBe('there is room');
      expect(mounted.log()).toBe('');
    });

    it('keeps descriptors in reserve when open files are unlinked', () => {
      for (let i = 0; i < FILES; i++) {
        const path = at(`other/temporary${i}`);
        if (sys.outcome(() => held.push(sys.open(path, sys.O_CREAT | sys.O_RDWR))) !== 'ok') break;
        sys.unlink(path);
      }
      expect(held.length).toBeLessThan(FILES);
      for (const fd of held) sys.pwrite(fd, 'kept', 0);
      expect(readdirSync(at('d'))).toHaveLength(FILES);
      expect(readdirSync(at('other'))).toEqual([]);
      sys.mkdir(at('other/made'));
      for (const fd of held) expect(sys.pread(fd, 10, 0).toString()).toBe('kept');
      closeAll();
      rmSync(at('d'), { recursive: true });
      expect(readdirSync(mounted.mountpoint)).toEqual(['many', 'other']);
    });
  },
);
