/**
 * Runs every conformance case on every target. A case that fails on the plain directory or on the kernel's
 * overlayfs is a wrong case. A case that fails only on plyfs is a defect of plyfs.
 *
 * PLYFS_TARGETS=plain,kernel,kernel-features,plyfs,features,aufs,native,aufs-native,overrides runs some of
 * the targets, `all` runs all. At the end, a table shows how many cases of each group passed, failed, or did
 * not apply on each target.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FILE_SYSTEMS as NAMED_FILE_SYSTEMS, TARGETS as NAMED_TARGETS } from '../../../scripts/conformance-choices.mjs';
import type { Case } from '../../conformance/case.js';
import { caseGroups, READ_ONLY_GROUP, SHOWN_ONCE } from '../../conformance/cases/index.js';
import { CallRecord } from '../../conformance/results/call-record.js';
import { coverageTable } from '../../conformance/results/coverage.js';
import {
  errnoRows,
  errnoTable,
  MAIN,
  marksInPage,
  marksOf,
  spareReasons,
  unexplained,
} from '../../conformance/results/errno-table.js';
import { Matrix } from '../../conformance/results/matrix.js';
import { missingCapabilities, runCase } from '../../conformance/run-case.js';
import { plainDirectory } from '../../conformance/targets/plain-directory.js';
import type { OpenTarget, Target } from '../../conformance/targets/target.js';
import {
  kernelFeatures,
  kernelOverlay,
  plyfsAufs,
  plyfsAufsNative,
  plyfsFeatures,
  plyfsNative,
  plyfsOverlay,
  plyfsOverrides,
} from '../../conformance/targets/union.js';
import { CHECKOUT } from '../../harness/checkout.js';
import { FILE_SYSTEMS } from '../../harness/filesystems.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { type Snapshot, type SnapshotOptions, snapshot } from '../../harness/snapshot.js';

const targets = new Map<string, Target>([
  ['plain', plainDirectory],
  ['kernel', kernelOverlay],
  ['kernel-features', kernelFeatures],
  ['plyfs', plyfsOverlay],
  ['features', plyfsFeatures],
  ['native', plyfsNative],
  ['aufs', plyfsAufs],
  ['aufs-native', plyfsAufsNative],
  ['overrides', plyfsOverrides],
]);
/**
 * The usual targets. They include the aufs dialect and libfuse 2, but not both at once, because that differs
 * from each alone in nothing; and not attributes in xattrs, which have a test of their own.
 */
const usual = [...targets.keys()].filter((name) => name !== 'aufs-native' && name !== 'overrides');
const asked = process.env.PLYFS_TARGETS?.split(',') ?? usual;
const chosen = asked.includes('all') ? [...targets.keys()] : asked;
const all = [...caseGroups.values()].flat();
/** Maps a reason to the cases that do not run for it. */
const skipped = new Map<string, string[]>();
/** The number of cases that apply to available targets, and of those that ran: a filter leaves some out. */
let applicable = 0;
let ran = 0;
const record = new CallRecord();
const matrix = new Matrix([...caseGroups.keys()]);

/** The trees of all groups are compared at once. On a busy machine that takes minutes. */
const TREES_MS = 600_000;

describe('the set of cases', () => {
  it('has at least 800 cases, each with a different id', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.length).toBeGreaterThanOrEqual(800);
  });
  it('has the targets and the file systems that npm run conformance knows', () => {
    expect(NAMED_TARGETS).toEqual([...targets.keys()]);
    expect(NAMED_FILE_SYSTEMS).toEqual(FILE_SYSTEMS.map(({ name }) => name));
  });
});

for (const name of chosen) {
  const target = targets.get(name);
  if (target === undefined) throw new Error(`PLYFS_TARGETS: unknown target ${name}; known are ${[...targets.keys()]}`);
  const unavailable = target.unavailable();
  if (unavailable !== null) skip(`${target.name}: ${unavailable}`, 'every case');
  describe.skipIf(unavailable !== null)(target.name, () => {
    for (const isReadOnly of [false, true]) {
      runOnUnion(
        target,
        isReadOnly,
        new Map([...caseGroups].filter(([group]) => (group === READ_ONLY_GROUP) === isReadOnly)),
      );
    }
  });
}

/** Runs groups of cases on one union, which has a directory for each case. */
function runOnUnion(target: Target, isReadOnly: boolean, groups: ReadonlyMap<string, readonly Case[]>): void {
  let base: string;
  let opened: OpenTarget;
  // A case that does not apply can have layers that the target cannot show.
  const applies = (one: Case): boolean => missingCapabilities(one, target).length === 0;
  beforeAll(() => {
    base = makeScratch('conformance');
    opened = target.open(base, [...groups.values()].flat().filter(applies), isReadOnly);
  });
  afterAll(() => {
    opened?.close();
    removeScratch(base);
  });
  for (const [group, cases] of groups) {
    const left = cases.filter((one) => !applies(one));
    for (const one of left) {
      skip(`${target.name} lacks ${missingCapabilities(one, target).join(', ')}`, one.id);
      matrix.count(group, target.name, 'notApplicable');
    }
    if (left.length === cases.length) continue;
    describe(group, () => {
      for (const one of cases.filter(applies)) {
        applicable++;
        it(`${one.id}: ${one.title}`, () => runCounted(target, group, one, opened));
      }
    });
  }
  if (isReadOnly) return;
  const shown = [...groups].filter(([group]) => !SHOWN_ONCE.has(group)).flatMap(([, cases]) => cases.filter(applies));
  const trees = (options: SnapshotOptions = {}): Record<string, Snapshot> =>
    Object.fromEntries(shown.map(({ id }) => [id, snapshot(`${opened.root}/${id}`, options)]));
  it('shows the same trees after it was unmounted and mounted again', { timeout: TREES_MS }, ({ skip }) => {
    if (opened.remount === null) return skip(`${target.name} is not mounted`);
    const before = trees();
    opened.remount();
    expect(trees()).toEqual(before);
  });
  it("shows the same trees when the kernel's overlayfs mounts the layers", { timeout: TREES_MS }, ({ skip }) => {
    if (opened.showWithKernel === null) return skip(`${target.name} needs no second opinion`);
    const coarseTimes = !target.capabilities.has('exact-times');
    const before = trees({ coarseTimes });
    opened.showWithKernel();
    expect(trees({ coarseTimes })).toEqual(before);
  });
}

function skip(reason: string, what: string): void {
  skipped.set(reason, [...(skipped.get(reason) ?? []), what]);
}

function runCounted(target: Target, group: string, one: Case, opened: OpenTarget): void {
  ran++;
  try {
    runCase(one, opened, (call, result) => record.add(call, result, one.placement, target.name));
    matrix.count(group, target.name, 'passed');
  } catch (error) {
    matrix.count(group, target.name, 'failed');
    throw error;
  }
}

const usualTargets = [...targets].flatMap(([name, target]) => (usual.includes(name) ? [target] : []));
const left = usualTargets.filter((target) => target.unavailable() !== null).map(({ name }) => name);
const partly = usual.some((name) => !chosen.includes(name))
  ? 'not all targets were chosen'
  : left.map((name) => `no ${name}`).join(', ');

const mainRuns = chosen.includes(MAIN) && targets.get(MAIN)?.unavailable() === null;

describe.skipIf(!mainRuns)(`the errnos that ${MAIN} returns`, () => {
  it('are every documented errno of a call in every placement, or there is a reason', ({ skip: skipTest }) => {
    if (ran < applicable) skipTest('only some cases were run');
    const rows = errnoRows(record, [MAIN]);
    expect(unexplained(rows)).toEqual([]);
    expect(spareReasons(rows)).toEqual([]);
  });

  it('are marked in docs/conformance.md (npm run conformance -- -u)', ({ skip: skipTest }) => {
    if (ran < applicable) skipTest('only some cases were run');
    const page = readFileSync(join(CHECKOUT, 'docs/conformance.md'), 'utf8');
    expect(marksInPage(page)).toEqual(marksOf(errnoRows(record, [MAIN])));
  });
});

describe.skipIf(partly !== '')(`the table of errnos${partly === '' ? '' : `: ${partly}`}`, () => {
  const names = usualTargets.map(({ name }) => name);

  it('is equal to docs/conformance.md (vitest -u writes it)', async ({ skip: skipTest }) => {
    if (ran < applicable) skipTest('only some cases were run');
    await expect(errnoTable(record, names)).toMatchFileSnapshot('../../../docs/conformance.md');
  });
});

afterAll(() => {
  process.stdout.write(`${coverageTable(all)}\n${matrix}\n`);
  for (const [reason, ids] of skipped) process.stdout.write(`not run, ${reason}: ${ids.join(' ')}\n`);
});
