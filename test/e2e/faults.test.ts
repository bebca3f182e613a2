/**
 * Layers whose file system fails, at the first operation, at the second, and so on: the caller is told which errno it was, the
 * tree is as before, also for the next mount and for the kernel's overlayfs, and nothing is left behind.
 *
 * Here a sample of it; `npm run test:faults` (PLYFS_FAULTS=all) tries all, and prints a table.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { operations } from '../faults/operations.js';
import { FaultStage, type StageOptions } from '../faults/stage.js';
import { FaultTable } from '../faults/table.js';
import { type TryOptions, tryOperation } from '../faults/try-operation.js';
import type { FaultErrno } from '../harness/faulty-layer.js';
import { kernelOverlayUnavailable, mountsUnavailable } from '../harness/mounts.js';
import { makeScratch, removeScratch } from '../harness/scratch.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const everything = process.env.PLYFS_FAULTS === 'all';

interface Setting {
  readonly name: string;
  readonly stage: StageOptions;
  readonly faults: readonly (TryOptions & { readonly name: string })[];
}

const ERRNOS: readonly FaultErrno[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE'];
const once = ERRNOS.map((errno) => ({ name: errno, errno }));
const EIO = once.slice(0, 1);
/** What needs room on the disk. Removing does not. */
const GROWING = [
  'MKNOD',
  'MKDIR',
  'CREATE',
  'SYMLINK',
  'LINK',
  'TMPFILE',
  'WRITE',
  'SETXATTR',
  'FALLOCATE',
  'COPY_FILE_RANGE',
];
const fullDisk = { name: 'ENOSPC from there on', errno: 'ENOSPC', lasting: GROWING } as const;

/**
 * Without passthrough: with it the kernel opens a file of the layers for itself after the server has answered, and a failure of
 * that is nothing the server gets to know.
 */
function stageOf(dialect: StageOptions['dialect'], more: Partial<StageOptions> = {}): StageOptions {
  return { dialect, ...more, options: ['passthrough=off', ...(more.options ?? [])] };
}

const all: readonly Setting[] = [
  { name: 'overlay', stage: stageOf('overlay'), faults: [...once, fullDisk] },
  { name: 'aufs', stage: stageOf('aufs'), faults: [...once, fullDisk] },
  { name: 'overlay, nothing of the layers cached', stage: stageOf('overlay', { layerTimeout: 0 }), faults: EIO },
  { name: 'overlay, all layers on one file system', stage: stageOf('overlay', { together: true }), faults: EIO },
];
/** A sixth of the operations of the layers each time, and another errno for each operation. */
const STEP = 6;
const sample: readonly Setting[] = [
  { name: 'overlay', stage: stageOf('overlay'), faults: [] },
  { name: 'aufs', stage: stageOf('aufs'), faults: [] },
];

function faultsOf({ faults }: Setting, index: number): Setting['faults'] {
  if (everything) return faults;
  const errno = ERRNOS[index % ERRNOS.length] ?? 'EIO';
  return [{ name: errno, errno, first: 1 + (index % STEP), step: STEP }];
}

describe.skipIf(unavailable !== null)(`a layer fails${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  const table = new FaultTable();
  afterAll(() => {
    if (everything) process.stdout.write(`${table}\n`);
  });

  describe.each(everything ? all : sample)('$name', (setting) => {
    let base: string;
    let stage: FaultStage;
    beforeAll(async () => {
      base = makeScratch('faults');
      stage = await FaultStage.open(base, setting.stage);
    });
    afterAll(async () => {
      await stage?.close();
      removeScratch(base);
    });
    operations.forEach((operation, index) => {
      it.each(faultsOf(setting, index))(`${operation.id}: $name`, ({ name, ...fault }) => {
        const trials = tryOperation(stage, operation, fault);
        table.add(setting.name, operation.id, name, trials);
        const failed = trials.filter(({ problems }) => problems.length > 0);
        expect(failed.map(({ n, kind, result, problems }) => ({ fault: `${n}: ${kind}`, result, problems }))).toEqual(
          [],
        );
      });
    });

    it('the server has said nothing, and a last mount shows the same', () => {
      expect(stage.log).not.toContain('EIO to');
    });
  });
});
