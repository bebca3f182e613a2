/**
 * Runs conformance cases with layers on other file systems: as lowers on each, and as upper on each writable
 * one.
 *
 * PLYFS_FILESYSTEMS=erofs,ramfs runs all cases on these, `all` on all; PLYFS_FEATURES=on runs them as unions
 * with features (`npm run conformance -- --filesystems`). By default, a part of the cases runs on the file
 * systems that differ most from the usual ones.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Case } from '../../conformance/case.js';
import { caseGroups, READ_ONLY_GROUP, SHOWN_ONCE } from '../../conformance/cases/index.js';
import { knownDifference } from '../../conformance/known-over-filesystem.js';
import { casesOn, compare, FEATURED, Layered, PLAIN, type Role } from '../../conformance/over-filesystem.js';
import { FILE_SYSTEMS, type FileSystem, fileSystem } from '../../harness/filesystems.js';
import { kernelOverlayUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { type Snapshot, type SnapshotOptions, snapshot } from '../../harness/snapshot.js';

const asked = process.env.PLYFS_FILESYSTEMS;
const mode = process.env.PLYFS_FEATURES === 'on' ? FEATURED : PLAIN;

/** The default choice: placements of objects, operations, and the most important file systems. */
const USUAL: Readonly<Record<Role, { readonly systems: readonly string[]; readonly placements: readonly string[] }>> = {
  lower: { systems: ['squashfs', 'erofs'], placements: ['lower'] },
  upper: { systems: ['ramfs'], placements: ['whiteout', 'opaque'] },
};
const USUAL_GROUPS: ReadonlySet<string> = new Set(['xattrs', 'ACLs', 'make', 'remove']);

const groups = [...caseGroups].filter(
  ([name]) => name !== READ_ONLY_GROUP && (asked !== undefined || USUAL_GROUPS.has(name)),
);
const all = groups.flatMap(([, cases]) => cases);
const table: string[] = [];

function systemsAs(role: Role): readonly FileSystem[] {
  if (asked === undefined) return USUAL[role].systems.map(fileSystem);
  const systems = asked === 'all' ? FILE_SYSTEMS : asked.split(',').map(fileSystem);
  return role === 'lower' ? systems : systems.filter(({ writable }) => writable);
}

afterAll(() => {
  if (asked !== undefined) process.stdout.write(`cases: passed, not here, known to differ\n${table.join('\n')}\n`);
});

for (const role of ['lower', 'upper'] as const) for (const system of systemsAs(role)) runOn(system, role);

function runOn(system: FileSystem, role: Role): void {
  const unavailable = kernelOverlayUnavailable() ?? system.unavailable();
  const title = `${role} on ${system.name}`;
  describe.skipIf(unavailable !== null)(`${title}${unavailable === null ? '' : `: ${unavailable}`}`, () => {
    const { placements } = USUAL[role];
    const cases = casesOn(system, role, mode, all).filter(
      ({ placement }) => asked !== undefined || placements.includes(placement),
    );
    const outcomes = { passed: 0, notHere: new Map<string, string>(), known: new Map<string, string>() };
    let base: string;
    let layered: Layered;

    beforeAll(() => {
      base = makeScratch('layered');
      layered = new Layered(system, role, mode, cases, base);
    });
    afterAll(async () => {
      await layered?.close();
      removeScratch(base);
      const { passed, notHere, known } = outcomes;
      const counts = [passed, notHere.size, known.size].map((count) => String(count).padStart(6));
      table.push(title.padEnd(32) + counts.join(''));
      for (const [id, why] of [...notHere, ...known]) table.push(`    ${id}: ${why.split('\n', 1)[0]}`);
    });

    for (const [name, members] of groups) {
      const here = members.filter((one) => cases.includes(one));
      if (here.length > 0) it(name, () => expect(differences(here)).toEqual([]));
    }

    function differences(members: readonly Case[]): string[] {
      return members.flatMap((one) => {
        const verdict = compare(one, layered);
        if (verdict.kind === 'passed') outcomes.passed++;
        if (verdict.kind === 'not here') {
          outcomes.notHere.set(one.id, `${verdict.passesOnPlyfs ? '' : 'nor with plyfs: '}${verdict.why}`);
        }
        if (verdict.kind !== 'differs') return [];
        const why = knownDifference(role, system.name, one.id);
        if (why !== null) outcomes.known.set(one.id, why);
        return why === null ? [`${one.id}: ${verdict.why}`] : [];
      });
    }

    it('shows the same tree after a remount, and with the kernel', ({ skip }) => {
      const kept = groups.flatMap(([name, members]) => (SHOWN_ONCE.has(name) ? [] : members));
      const shown = kept.filter((one) => cases.includes(one));
      const trees = (options: SnapshotOptions = {}): Snapshot[] =>
        shown.map(({ id }) => snapshot(`${layered.plyfs.opened.root}/${id}`, options));
      const before = trees();
      layered.plyfs.remount(mode.mountPlyfs);
      expect(trees()).toEqual(before);
      if (layered.kernelElsewhere !== null) skip(`the kernel cannot mount it: ${layered.kernelElsewhere}`);
      layered.plyfs.remount(mode.mountKernel);
      // If a file system's directory entries have no type, the kernel's overlayfs lists whiteouts in
      // directories that do not merge.
      expect(trees({ withoutGhosts: true })).toEqual(before);
    });
  });
}
