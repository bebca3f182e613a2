/**
 * Every conformance case on every target. A case that fails on the plain directory or on the kernel's overlayfs is
 * a wrong case; one that fails on plyfs alone is a defect of plyfs.
 *
 * PLYFS_TARGETS=plain,kernel,plyfs runs some of them.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Case } from '../conformance/case.js';
import { caseGroups } from '../conformance/cases/index.js';
import { coverageTable } from '../conformance/coverage.js';
import { missingCapabilities, runCase } from '../conformance/run-case.js';
import { plainDirectory } from '../conformance/targets/plain-directory.js';
import type { Stage, Target } from '../conformance/targets/target.js';
import { kernelOverlay, plyfsOverlay } from '../conformance/targets/union.js';
import { makeScratch, removeScratch } from '../harness/scratch.js';
import { snapshot } from '../harness/snapshot.js';

const targets = new Map<string, Target>([
  ['plain', plainDirectory],
  ['kernel', kernelOverlay],
  ['plyfs', plyfsOverlay],
]);
const chosen = process.env.PLYFS_TARGETS?.split(',') ?? [...targets.keys()];
const all = [...caseGroups.values()].flat();
const skipped: string[] = [];

describe('the library', () => {
  it('has cases with ids of their own, 150 at least', () => {
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
    expect(all.length).toBeGreaterThanOrEqual(150);
  });
});

for (const name of chosen) {
  const target = targets.get(name);
  if (target === undefined) throw new Error(`PLYFS_TARGETS: no target ${name}; there are ${[...targets.keys()]}`);
  const unavailable = target.unavailable();
  if (unavailable !== null) skipped.push(`${target.name}: every case: ${unavailable}`);
  describe.skipIf(unavailable !== null)(target.name, () => {
    for (const [group, cases] of caseGroups) runGroup(target, group, cases);
  });
}

function runGroup(target: Target, group: string, cases: readonly Case[]): void {
  describe(group, () => {
    let base: string;
    let stage: Stage;
    beforeAll(() => {
      base = makeScratch('conformance');
      stage = target.open(base, cases);
    });
    afterAll(() => {
      stage?.close();
      removeScratch(base);
    });
    for (const one of cases) {
      const missing = missingCapabilities(one, target);
      if (missing.length > 0) skipped.push(`${target.name}: ${one.id}: lacks ${missing.join(', ')}`);
      else it(`${one.id}: ${one.title}`, () => runCase(one, stage));
    }
    it('shows the same tree after it was unmounted and mounted again', () => {
      const before = snapshot(stage.root);
      stage.remount();
      expect(snapshot(stage.root)).toEqual(before);
    });
    it("shows the same tree when the kernel's overlayfs mounts the layers", ({ skip }) => {
      if (stage.showWithKernel === null) return skip(`${target.name} needs no second opinion`);
      const before = snapshot(stage.root);
      stage.showWithKernel();
      expect(snapshot(stage.root)).toEqual(before);
    });
  });
}

afterAll(() => {
  process.stdout.write(`${coverageTable(all)}\n`);
  if (skipped.length > 0) process.stdout.write(`not run, for a reason:\n  ${skipped.join('\n  ')}\n`);
});
