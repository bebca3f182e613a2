/**
 * Layers whose file system fails, at the first operation, at the second, and so on: the caller is told which
 * errno it was, the tree is as before, also for the next mount and for the kernel's overlayfs, and nothing is
 * left behind.
 *
 * Here a sample of it; `npm run test:faults` (PLYFS_FAULTS=all) tries all, and prints a table.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metacopies } from '../../faults/metacopies.js';
import { contentOperations, type FaultedOperation, featureOperations, operations } from '../../faults/operations.js';
import { FaultStage, type StageOptions } from '../../faults/stage.js';
import { FaultTable } from '../../faults/table.js';
import { type TryOptions, tryOperation } from '../../faults/try-operation.js';
import { type FaultErrno, KINDS } from '../../harness/faulty-layer.js';
import { kernelOverlayUnavailable, mountsUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const everything = process.env.PLYFS_FAULTS === 'all';

interface Setting {
  readonly name: string;
  readonly stage: StageOptions;
  readonly faults: readonly (TryOptions & { readonly name: string })[];
  /** Default: all of {@link operations}. */
  readonly operations?: readonly FaultedOperation[];
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
 * With passthrough the kernel opens files of the layers for itself after the server has answered, which gets
 * to know nothing of it.
 */
const unknownToServer = new Set(['OPEN']);
const seenByServer = {
  name: 'EIO of what the server sees',
  errno: 'EIO',
  kinds: KINDS.filter((kind) => !unknownToServer.has(kind)),
} as const;

function stageOf(dialect: StageOptions['dialect'], more: Partial<StageOptions> = {}): StageOptions {
  return { dialect, ...more, options: ['passthrough=off', ...(more.options ?? [])] };
}

const FEATURES = 'overlay, redirect_dir and metacopy';
const features = [...featureOperations, ...metacopies];
const all: readonly Setting[] = [
  { name: 'overlay', stage: stageOf('overlay'), faults: [...once, fullDisk] },
  { name: 'aufs', stage: stageOf('aufs'), faults: [...once, fullDisk] },
  { name: 'overlay, nothing of the layers cached', stage: stageOf('overlay', { layerTimeout: 0 }), faults: EIO },
  { name: 'overlay, all layers on one file system', stage: stageOf('overlay', { together: true }), faults: EIO },
  {
    name: 'overlay, passthrough',
    stage: { dialect: 'overlay' },
    faults: [seenByServer],
    operations: contentOperations,
  },
  {
    name: FEATURES,
    stage: stageOf('overlay', { options: ['redirect_dir=on', 'metacopy=on'] }),
    faults: [EIO[0], once[1], fullDisk].filter((fault) => fault !== undefined),
    operations: [...features, ...operations],
  },
  {
    name: 'overlay, redirect_dir, metacopy and index',
    stage: stageOf('overlay', { options: ['redirect_dir=on', 'metacopy=on', 'index=on'] }),
    faults: [EIO[0], once[1], fullDisk].filter((fault) => fault !== undefined),
    operations: [...features, ...operations],
  },
];
/**
 * A piece of the table, with a mount of its own: the faulty layers keep an fd for each object that the kernel
 * knows.
 */
interface Piece {
  readonly name: string;
  readonly setting: Setting;
  readonly tried: readonly { readonly operation: FaultedOperation; readonly fault: Setting['faults'][number] }[];
}

/** Operations per mount. */
const BATCH = 26;

function everyPiece(): Piece[] {
  const pieces: Piece[] = [];
  for (const setting of all) {
    for (const fault of setting.faults) {
      const subjects = setting.operations ?? operations;
      for (let from = 0; from < subjects.length; from += BATCH) {
        const tried = subjects.slice(from, from + BATCH).map((operation) => ({ operation, fault }));
        pieces.push({ name: `${setting.name}, ${fault.name}, from operation ${from}`, setting, tried });
      }
    }
  }
  return pieces;
}

/**
 * An eighth of the operations of the layers each time, another errno for each operation of the union, and the
 * two dialects in turn.
 */
const STEP = 8;

function sample(): Piece[] {
  const turns: readonly (readonly [string, (index: number) => boolean])[] = [
    ['overlay', (index) => index % 2 === 0],
    ['aufs', (index) => index % 2 === 1],
    [FEATURES, (index) => index < features.length],
  ];
  return turns.flatMap(([name, isTurn]) =>
    all
      .filter((setting) => setting.name === name)
      .map((setting) => ({ name, setting, tried: sampleOf(setting.operations ?? operations, isTurn) })),
  );
}

function sampleOf(tried: readonly FaultedOperation[], isTurn: (index: number) => boolean): Piece['tried'] {
  return tried.flatMap((operation, index) => {
    const errno = ERRNOS[index % ERRNOS.length] ?? 'EIO';
    return isTurn(index) ? [{ operation, fault: { name: errno, errno, first: 1 + (index % STEP), step: STEP } }] : [];
  });
}

describe.skipIf(unavailable !== null)(`a layer fails${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  const table = new FaultTable();
  afterAll(() => {
    if (everything) process.stdout.write(`${table}\n`);
  });

  describe.each(everything ? everyPiece() : sample())('$name', ({ setting, tried }) => {
    let base: string;
    let stage: FaultStage;
    let met = 0;
    beforeAll(async () => {
      base = makeScratch('faults');
      stage = await FaultStage.open(base, setting.stage);
    });
    afterAll(async () => {
      await stage?.close();
      removeScratch(base);
    });
    it.each(tried)('$operation.id: $fault.name', ({ operation, fault: { name, ...fault } }) => {
      const trials = tryOperation(stage, operation, fault);
      table.add(setting.name, operation.id, name, trials);
      met += trials.length;
      const failed = trials.filter(({ problems }) => problems.length > 0);
      expect(failed.map(({ n, kind, result, problems }) => ({ fault: `${n}: ${kind}`, result, problems }))).toEqual([]);
    });

    it('faults were met, and no operation threw what is no errno', () => {
      expect(met).toBeGreaterThan(tried.length);
      expect(stage.log).not.toContain('EIO to');
    });
  });
});
