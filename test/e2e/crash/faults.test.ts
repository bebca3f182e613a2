/**
 * Layers whose file system fails at the first operation, then at the second, and so on. The caller gets the
 * layer's errno, the tree is as before (also for the next mount and for the kernel's overlayfs), and nothing
 * is left behind.
 *
 * This file runs a sample; `npm run test:faults` (PLYFS_FAULTS=all) runs all faults and prints a table.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FaultyUnion, type FaultyUnionOptions } from '../../faults/faulty-union.js';
import { metacopyOperations } from '../../faults/metacopy-operations.js';
import { contentOperations, type FaultedOperation, featureOperations, operations } from '../../faults/operations.js';
import { FaultTable } from '../../faults/table.js';
import { type TryOptions, tryOperation } from '../../faults/try-operation.js';
import { type FaultErrno, KINDS } from '../../harness/faulty-layer.js';
import { kernelOverlayUnavailable, mountsUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const everything = process.env.PLYFS_FAULTS === 'all';

interface Setting {
  readonly name: string;
  readonly union: FaultyUnionOptions;
  readonly faults: readonly (TryOptions & { readonly name: string })[];
  /** Default: all of {@link operations}. */
  readonly operations?: readonly FaultedOperation[];
}

const ERRNOS: readonly FaultErrno[] = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EMFILE'];
const once = ERRNOS.map((errno) => ({ name: errno, errno }));
const EIO = once.slice(0, 1);
/** Requests that need room on the disk. Removals need none. */
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
const fullDisk = { name: 'ENOSPC from n on', errno: 'ENOSPC', lasting: GROWING } as const;

/**
 * With passthrough, the kernel opens files of the layers itself after the server's reply. The server does not
 * see these opens fail.
 */
const unknownToServer = new Set(['OPEN']);
const seenByServer = {
  name: 'EIO of requests that the server sees',
  errno: 'EIO',
  kinds: KINDS.filter((kind) => !unknownToServer.has(kind)),
} as const;

function unionOf(dialect: FaultyUnionOptions['dialect'], more: Partial<FaultyUnionOptions> = {}): FaultyUnionOptions {
  return { dialect, ...more, options: ['passthrough=off', ...(more.options ?? [])] };
}

const FEATURES = 'overlay, redirect_dir and metacopy';
const features = [...featureOperations, ...metacopyOperations];
const all: readonly Setting[] = [
  { name: 'overlay', union: unionOf('overlay'), faults: [...once, fullDisk] },
  { name: 'aufs', union: unionOf('aufs'), faults: [...once, fullDisk] },
  { name: 'overlay, layers not cached', union: unionOf('overlay', { layerTimeout: 0 }), faults: EIO },
  { name: 'overlay, all layers on one file system', union: unionOf('overlay', { together: true }), faults: EIO },
  {
    name: 'overlay, passthrough',
    union: { dialect: 'overlay' },
    faults: [seenByServer],
    operations: contentOperations,
  },
  {
    name: FEATURES,
    union: unionOf('overlay', { options: ['redirect_dir=on', 'metacopy=on'] }),
    faults: [EIO[0], once[1], fullDisk].filter((fault) => fault !== undefined),
    operations: [...features, ...operations],
  },
  {
    name: 'overlay, redirect_dir, metacopy and index',
    union: unionOf('overlay', { options: ['redirect_dir=on', 'metacopy=on', 'index=on'] }),
    faults: [EIO[0], once[1], fullDisk].filter((fault) => fault !== undefined),
    operations: [...features, ...operations],
  },
];
/**
 * A part of the table that shares a mount. The faulty layers keep an fd for each object that the kernel
 * knows, so that one mount cannot run all operations.
 */
interface Part {
  readonly name: string;
  readonly setting: Setting;
  readonly tried: readonly { readonly operation: FaultedOperation; readonly fault: Setting['faults'][number] }[];
}

/** Operations per mount. */
const BATCH = 26;

function allParts(): Part[] {
  const parts: Part[] = [];
  for (const setting of all) {
    for (const fault of setting.faults) {
      const subjects = setting.operations ?? operations;
      for (let from = 0; from < subjects.length; from += BATCH) {
        const tried = subjects.slice(from, from + BATCH).map((operation) => ({ operation, fault }));
        parts.push({ name: `${setting.name}, ${fault.name}, from operation ${from}`, setting, tried });
      }
    }
  }
  return parts;
}

/**
 * Every eighth operation of the layers, another errno for each operation of the union, and the two dialects
 * in turn.
 */
const STEP = 8;

function sample(): Part[] {
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

function sampleOf(tried: readonly FaultedOperation[], isTurn: (index: number) => boolean): Part['tried'] {
  return tried.flatMap((operation, index) => {
    const errno = ERRNOS[index % ERRNOS.length] ?? 'EIO';
    return isTurn(index) ? [{ operation, fault: { name: errno, errno, first: 1 + (index % STEP), step: STEP } }] : [];
  });
}

describe.skipIf(unavailable !== null)(
  `an operation of which a layer fails${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    const table = new FaultTable();
    afterAll(() => {
      if (everything) process.stdout.write(`${table}\n`);
    });

    describe.each(everything ? allParts() : sample())('$name', ({ setting, tried }) => {
      let base: string;
      let union: FaultyUnion;
      let met = 0;
      beforeAll(async () => {
        base = makeScratch('faults');
        union = await FaultyUnion.open(base, setting.union);
      });
      afterAll(async () => {
        await union?.close();
        removeScratch(base);
      });
      it.each(tried)('$operation.id: $fault.name', ({ operation, fault: { name, ...fault } }) => {
        const trials = tryOperation(union, operation, fault);
        table.add(setting.name, operation.id, name, trials);
        met += trials.length;
        const failed = trials.filter(({ problems }) => problems.length > 0);
        expect(failed.map(({ n, kind, result, problems }) => ({ fault: `${n}: ${kind}`, result, problems }))).toEqual(
          [],
        );
      });

      it('met faults, and threw nothing but errnos', () => {
        expect(met).toBeGreaterThan(tried.length);
        expect(union.log).not.toContain('EIO to');
      });
    });
  },
);
