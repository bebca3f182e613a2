/** The beginning and the end of a mount, which change the upper too. */
import { dir, file, linked, whiteout } from '../../../../conformance/tree.js';
import type { WritableLayerDirs } from '../../../../harness/scratch.js';
import * as sys from '../../../../harness/sys/index.js';
import type { KillCase } from '../kill-case.js';
import type { Mode } from '../modes.js';

/**
 * Adds unfinished changes as a killed server leaves them: a copy, and removed directories that still contain
 * whiteouts.
 */
function leaveUnfinished(layers: WritableLayerDirs, mode: Mode): void {
  const staging = mode.stagingDirectory(layers);
  sys.mkdir(staging, 0o700);
  sys.writeFile(`${staging}/#1.1`, 'half of a copy');
  for (const name of ['#1.2', '#1.3']) {
    sys.mkdir(`${staging}/${name}`);
    for (const hidden of ['one', 'two']) mode.form.makeWhiteout(`${staging}/${name}`, hidden);
  }
  sys.symlink('nowhere', `${staging}/#1.4`);
}

const LAYERS = {
  upper: { d: dir({ f: 'upper', gone: whiteout }) },
  lower1: { d: dir({ g: 'lower', gone: 'hidden' }) },
};
/**
 * A file with three names and one with two, in a directory that the upper has and in one that it does not
 * have.
 */
const LINKS = {
  lower1: {
    d: dir({ f: linked('three names', 'l'), g: linked('three names', 'l'), s: linked('two names', 'm') }),
    e: dir({ h: linked('three names', 'l'), t: linked('two names', 'm') }),
    single: file('one name'),
  },
};

export const mountCases: readonly KillCase[] = [
  { operation: 'mount', placement: 'for the first time', layers: LAYERS, steps: [], countedPhase: 'mount' },
  {
    operation: 'mount',
    placement: 'over the leftovers of a killed server',
    layers: LAYERS,
    addLeftovers: leaveUnfinished,
    steps: [],
    countedPhase: 'mount',
  },
  {
    operation: 'unmount',
    placement: 'after whiteouts were made',
    layers: LAYERS,
    setup: [
      ['unlink', 'd/g'],
      ['unlink', 'd/f'],
    ],
    steps: [],
    countedPhase: 'unmount',
  },
  {
    operation: 'unmount',
    placement: 'after files with several names were copied up',
    layers: LINKS,
    setup: [
      ['chmod', 'd/f', 0o600],
      ['open', 'w', 'e/t'],
      ['write', 'w', 'XX'],
      ['fsync', 'w'],
      ['unlink', 'd/g'],
    ],
    steps: [],
    countedPhase: 'unmount',
    linkCountsLate: true,
  },
  {
    operation: 'flush of pseudo-links',
    placement: 'of files with several names that were copied up',
    layers: LINKS,
    setup: [
      ['chmod', 'd/f', 0o600],
      ['chmod', 'e/t', 0o600],
    ],
    steps: [['flushPseudoLinks']],
    linkCountsLate: true,
    dialects: ['aufs'],
  },
  ...(
    [
      ['unlink of the copied name', ['unlink', 'd/f']],
      ['unlink of another name', ['unlink', 'e/h']],
      ['rename of another name', ['rename', 'e/h', 'e/moved']],
      ['link of another name', ['link', 'e/h', 'e/fourth']],
      ['rename over another name', ['rename', 'single', 'e/h']],
    ] as const
  ).map(([operation, step]) => ({
    operation,
    placement: 'of a copied-up file with several names',
    layers: LINKS,
    setup: [['chmod', 'd/f', 0o600]] as const,
    steps: [step],
    // Without kept links, the copy-up alone is a visible state, because the link count changes.
    allowedBetween: [[['touchForWriting', 'e/h']]] as const,
    linkCountsLate: true as const,
  })),
];
