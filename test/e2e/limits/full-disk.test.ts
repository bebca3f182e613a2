/**
 * An upper on a small ext4 without a free block, or without a free inode. Each operation that changes
 * something succeeds or fails with ENOSPC. A refused operation has changed nothing, and succeeds when there
 * is room again.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ObservedUnion } from '../../faults/observed-union.js';
import { operations } from '../../faults/operations.js';
import { Subject } from '../../faults/subject.js';
import { runProgram } from '../../harness/machine/run-program.js';
import {
  aufsArguments,
  kernelOverlayUnavailable,
  mountsUnavailable,
  overlayOptions,
  unmount,
} from '../../harness/mounts.js';
import { mountWithOwnServer, type OwnMount } from '../../harness/own-server.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

/** The reason why no image file can be mounted here, or null. */
function loopUnavailable(): string | null {
  const done = spawnSync('losetup', ['-f'], { encoding: 'utf8' });
  if (done.error !== undefined || done.status !== 0) return 'there are no loop devices';
  return spawnSync('mkfs.ext4', ['-V']).error === undefined ? null : 'mkfs.ext4 is missing';
}

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable() ?? loopUnavailable();
const BLOCK = 1024;

/** A resource of a file system that `take` uses up. */
interface Scarcity {
  readonly what: string;
  take(filler: string): void;
}

let taken = 0;

const SCARCITIES: readonly Scarcity[] = [
  {
    what: 'block',
    take(filler) {
      const fd = sys.open(join(filler, 'blocks'), sys.O_CREAT | sys.O_WRONLY | sys.O_APPEND);
      for (let piece = 256 * BLOCK; piece >= BLOCK; piece /= 2) {
        while (sys.outcome(() => sys.write(fd, Buffer.alloc(piece, 'x'))) === 'ok');
      }
      sys.fsync(fd);
      sys.close(fd);
    },
  },
  {
    what: 'inode',
    take(filler) {
      for (;;) {
        const outcome = sys.outcome(() => sys.mknod(join(filler, `inode-${++taken}`), sys.S_IFREG | 0o600));
        if (outcome === 'ENOSPC') return;
        if (outcome !== 'ok') throw new Error(outcome);
      }
    },
  },
];

describe.skipIf(unavailable !== null)(`a full upper${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  describe.each([{ dialect: 'overlay' }, { dialect: 'aufs' }] as const)('of the $dialect dialect', ({ dialect }) => {
    let base: string;
    let disk: string;
    let filler: string;
    let mounted: OwnMount;
    let union: ObservedUnion;
    let subjects: Subject[];

    beforeEach(async () => {
      subjects = [];
      base = makeScratch('full');
      for (const name of ['disk', 'lower1', 'lower2', 'merged', 'view']) sys.mkdir(join(base, name));
      const image = join(base, 'image');
      runProgram('truncate', ['-s', '24M', image]);
      runProgram('mkfs.ext4', ['-q', '-b', String(BLOCK), '-m', '0', '-N', '4096', '-O', '^has_journal', image]);
      disk = join(base, 'disk');
      runProgram('mount', ['-o', 'loop', image, disk]);
      filler = join(disk, 'filler');
      const directories = {
        upper: join(disk, 'upper'),
        work: join(disk, 'work'),
        lower1: join(base, 'lower1'),
        lower2: join(base, 'lower2'),
      };
      for (const path of [directories.upper, directories.work, filler]) sys.mkdir(path);
      const layers = {
        ...directories,
        lowers: [directories.lower1, directories.lower2],
        mountpoint: join(base, 'merged'),
      };
      const args = dialect === 'aufs' ? aufsArguments(layers) : ['-o', overlayOptions(layers)];
      mounted = await mountWithOwnServer(layers, args);
      union = new ObservedUnion(dialect, directories, mounted, join(base, 'view'));
    });
    afterEach(async () => {
      for (const subject of subjects) subject.close();
      try {
        mounted?.unmount();
        await mounted?.server.closed();
      } finally {
        unmount(disk);
        removeScratch(base);
      }
    });

    it.each(SCARCITIES)('without a free $what refuses operations with ENOSPC and changes nothing', async ({ take }) => {
      for (const operation of operations) subjects.push(new Subject(union, operation));
      const refused: Subject[] = [];
      const wrong: string[] = [];
      for (const subject of subjects) {
        take(filler);
        const outcome = subject.run();
        if (outcome === 'ok') continue;
        refused.push(subject);
        const { id, marksDirectory } = subject.operation;
        if (outcome !== 'ENOSPC' && !(outcome === 'EXDEV' && marksDirectory === true)) wrong.push(`${id}: ${outcome}`);
        // ext4 keeps the blocks that it could allocate (fs/ext4/extents.c:ext4_alloc_file_blocks).
        if (id === 'fallocate') continue;
        wrong.push(...subject.differences(subject.before, true).map((difference) => `${id}: ${difference}`));
      }
      expect(wrong).toEqual([]);
      expect(refused.length).toBeGreaterThan(10);

      runProgram('rm', ['-r', filler]);
      const late = refused.map((subject) => `${subject.operation.id}: ${subject.run()}`);
      expect(late.filter((line) => !line.endsWith(': ok'))).toEqual([]);
      for (const subject of subjects) {
        subject.close();
        wrong.push(...subject.differences(subject.look(), false));
      }
      expect(wrong).toEqual([]);
      expect(mounted.log()).toBe('');
    });
  });
});
