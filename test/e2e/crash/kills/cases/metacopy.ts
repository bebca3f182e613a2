/** Copies without data (`metacopy=on`): operations on them, and the completion of their data. */
import { dir, file, type Layers, linked, whiteout } from '../../../../conformance/tree.js';
import * as sys from '../../../../harness/sys/index.js';
import type { Step } from '../executor.js';
import type { KillCase } from '../kill-case.js';

const XATTRS = { 'user.a': 'b', 'security.capability': sys.capability().toString('latin1') };

/**
 * The mtime of a copy while its data is being completed. The copy has no capabilities then. Both are effects
 * of the write for which the data is needed (src/copyup/data-completion.ts).
 */
const COMPLETION_MTIME = 1_900_000_000;
function duringCompletion(path: string, before: readonly Step[] = []): (readonly Step[])[] {
  const touched: readonly Step[] = [...before, ['utimens', path, COMPLETION_MTIME]];
  return path.endsWith('large') ? [touched] : [touched, [...touched, ['removexattr', path, 'security.capability']]];
}

const LAYERS: Layers = {
  lower1: {
    d: dir({
      f: file('what the file holds', { mode: 0o4751, uid: sys.ALICE, mtime: 7000, xattrs: XATTRS }),
      g: 'another',
    }),
    e: dir({ h: whiteout }),
  },
  lower2: { e: dir({ h: 'hidden', i: linked('two names', 'l'), j: linked('two names', 'l') }) },
};

const COPY: Step = ['chmod', 'd/f', 0o640];

/** Operations in which the data is not completed at `d/f` in the state that {@link COPY} has left. */
const COMPLETIONS: Readonly<Record<string, KillCase['allowedBetween']>> = {
  'rename into another directory, and open for writing': duringCompletion('e/x', [['rename', 'd/f', 'e/x']]),
  'link, then unlink of the first name, then open for writing': duringCompletion('e/x', [
    ['link', 'd/f', 'e/x'],
    ['unlink', 'd/f'],
  ]),
};

/** Operations on `d/f`, which is a copy without data. */
const STEPS: Readonly<Record<string, readonly Step[]>> = {
  'open for writing': [['touchForWriting', 'd/f']],
  'open with O_TRUNC': [['open', 'w', 'd/f', sys.O_WRONLY | sys.O_TRUNC]],
  'truncate to nothing': [['truncate', 'd/f', 0]],
  'truncate to less': [['truncate', 'd/f', 5]],
  'truncate to more': [['truncate', 'd/f', 70_000]],
  'chmod again': [['chmod', 'd/f', 0o600]],
  'utimens, then chown': [
    ['utimens', 'd/f', 9999],
    ['chown', 'd/f', sys.BOB, sys.STAFF],
  ],
  setxattr: [['setxattr', 'd/f', 'trusted.t', 'value']],
  'rename within its directory': [['rename', 'd/f', 'd/x']],
  'rename into another directory, and open for writing': [
    ['rename', 'd/f', 'e/x'],
    ['touchForWriting', 'e/x'],
  ],
  'rename onto a whiteout': [['rename', 'd/f', 'e/h']],
  'rename onto a lower file': [['rename', 'd/f', 'd/g']],
  'rename of its directory': [['rename', 'd', 'e/d']],
  'exchange with a lower file': [['rename', 'd/f', 'd/g', sys.RENAME_EXCHANGE]],
  link: [['link', 'd/f', 'e/x']],
  'link, then unlink of the first name, then open for writing': [
    ['link', 'd/f', 'e/x'],
    ['unlink', 'd/f'],
    ['touchForWriting', 'e/x'],
  ],
  unlink: [['unlink', 'd/f']],
};

const MIB = 1 << 20;

/** Writes data in two places, with a hole between. */
function fillLarge(lower: string): void {
  const fd = sys.open(`${lower}/d/large`, sys.O_CREAT | sys.O_WRONLY);
  for (const at of [0, 5 * MIB - 5000]) sys.pwrite(fd, `data at ${at} `.repeat(400).slice(0, 5000), at);
  sys.close(fd);
  sys.chmod(`${lower}/d/large`, 0o640);
}

const LARGE: Readonly<
  Record<
    string,
    Pick<KillCase, 'steps' | 'setup' | 'allowedBetween' | 'usesThreads' | 'copyThread' | 'kernelReadsBeyondSize'>
  >
> = {
  chmod: { steps: [['chmod', 'd/large', 0o600]] },
  'open for writing': { steps: [['touchForWriting', 'd/large']], usesThreads: true },
  'open for writing, of a copy without data': {
    setup: [['chmod', 'd/large', 0o600]],
    steps: [['touchForWriting', 'd/large']],
    allowedBetween: duringCompletion('d/large'),
    usesThreads: true,
  },
  'open for writing, of a copy without data, the copying thread killed': {
    setup: [['chmod', 'd/large', 0o600]],
    steps: [['touchForWriting', 'd/large']],
    allowedBetween: duringCompletion('d/large'),
    copyThread: true,
  },
  'truncate to nothing, of a copy without data': {
    setup: [['chmod', 'd/large', 0o600]],
    steps: [['truncate', 'd/large', 0]],
    kernelReadsBeyondSize: true,
  },
  'truncate to less, of a copy without data': {
    setup: [['chmod', 'd/large', 0o600]],
    steps: [['truncate', 'd/large', 3 * MIB]],
    allowedBetween: duringCompletion('d/large'),
    usesThreads: true,
  },
};

export const metacopyCases: readonly KillCase[] = [
  ...Object.entries(STEPS).map(([operation, steps]) => ({
    operation,
    placement: 'of a copy without data',
    layers: LAYERS,
    setup: [COPY],
    steps,
    allowedBetween: COMPLETIONS[operation] ?? (/open|trunc/.test(operation) ? duringCompletion('d/f') : []),
  })),
  {
    operation: 'open for writing, synced in the background',
    placement: 'of a copy without data',
    layers: LAYERS,
    setup: [COPY],
    steps: [['touchForWriting', 'd/f']],
    allowedBetween: duringCompletion('d/f'),
    usesThreads: true,
    syncsInBackground: true,
  } as const,
  {
    operation: 'chmod, then open for writing by the other name',
    placement: 'of a lower file with two names',
    layers: LAYERS,
    steps: [
      ['chmod', 'e/i', 0o600],
      ['touchForWriting', 'e/j'],
    ],
    // Without kept links, each copy-up alone is a visible state. With kept links, both names show the copy
    // during the completion.
    allowedBetween: [
      [['touchForWriting', 'e/i']],
      [
        ['chmod', 'e/i', 0o600],
        ['utimens', 'e/j', COMPLETION_MTIME],
      ],
    ],
  } as const,
  {
    operation: 'chmod of one name, rename of both',
    placement: 'of a lower file with two names',
    layers: LAYERS,
    setup: [['chmod', 'e/i', 0o600]],
    steps: [
      ['rename', 'e/i', 'd/i'],
      ['rename', 'e/j', 'd/j'],
    ],
    allowedBetween: [
      [
        ['rename', 'e/i', 'd/i'],
        ['touchForWriting', 'e/j'],
      ],
      [
        ['rename', 'e/i', 'd/i'],
        ['chmod', 'e/j', 0o644],
      ],
    ],
  } as const,
  ...Object.entries(LARGE).map(([operation, what]) => ({
    operation,
    placement: 'of a large lower file',
    layers: { lower1: { d: dir() } },
    fillLower: fillLarge,
    ...what,
  })),
].map((one) => ({ ...one, needs: 'metacopy' as const }));
