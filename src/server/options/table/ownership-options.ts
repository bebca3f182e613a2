/**
 * Options that change what a mount shows, and not what is on the disk. Most of them are options of
 * fuse-overlayfs.
 */
import type { IdRange } from '../../../core/id-map.js';
import type { OptionEntry } from '../kinds/option-entry.js';
import { type Check, numberBetween } from '../kinds/property-checks.js';
import { choice, invalid, number, type ValueKind } from '../kinds/value-kinds.js';

/** The highest id. The number after it is -1, which means "none" in every interface. */
const LAST_ID = 0xffff_fffe;

const UID = number({ placeholder: 'UID', max: LAST_ID, whole: true });
const GID = number({ placeholder: 'GID', max: LAST_ID, whole: true });

/** Ranges of ids, three numbers each. */
const RANGES: ValueKind<readonly IdRange[]> = {
  placeholder: 'DISK:SHOWN:COUNT[:...]',
  parse: parseRanges,
  check: {
    mustBe: `a list of ranges { disk, shown, count }, at least one, of ids from 0 to ${LAST_ID} that have no id in common`,
    holds: (value): value is readonly IdRange[] =>
      Array.isArray(value) &&
      value.length > 0 &&
      [...value].every(isRange) && // A copy has no holes, which `every` would skip.
      value.every((range, i) => problemOf(range, value.slice(0, i)) === null),
  },
  fromLibrary: (given) => given,
};

export const OWNERSHIP_OPTIONS = [
  {
    kind: 'value',
    word: 'uidmapping',
    property: 'uidMapping',
    takes: RANGES,
    help: 'files owned by DISK, DISK+1, ... on the layers appear as owned by SHOWN, SHOWN+1, ...; new files are mapped back',
  },
  {
    kind: 'value',
    word: 'gidmapping',
    property: 'gidMapping',
    takes: RANGES,
    help: 'the same for groups',
  },
  {
    kind: 'flag',
    word: 'squash_to_root',
    property: 'squashToRoot',
    value: true,
    help: 'show all files as owned by root:root; ownership on the layers does not change, but a copy made without root belongs to the user who mounts',
  },
  {
    kind: 'value',
    word: 'squash_to_uid',
    property: 'squashToUid',
    takes: UID,
    help: 'show all files as owned by this user',
  },
  {
    kind: 'value',
    word: 'squash_to_gid',
    property: 'squashToGid',
    takes: GID,
    help: 'show all files as owned by this group',
  },
  {
    kind: 'flag',
    word: 'static_nlink',
    property: 'staticNlink',
    value: true,
    help: 'report a link count of 1 for every directory (merged ones always have it)',
  },
  {
    kind: 'flag',
    word: 'noacl',
    property: 'acls',
    value: false,
    help: 'POSIX ACLs are neither shown nor checked',
  },
  {
    kind: 'value',
    word: 'noxattrs',
    property: 'xattrs',
    takes: choice({ 0: true, 1: false }),
    help: '1: no extended attributes, and no POSIX ACLs; 0 (default): both as on the layers',
  },
] as const satisfies readonly OptionEntry[];

/** A colon at the beginning and at the end is allowed: container engines write `:0:100000:65536`. */
function parseRanges(word: string, value: string): IdRange[] {
  const numbers = value.split(':').filter((piece) => piece !== '');
  if (numbers.length === 0 || numbers.length % 3 !== 0) {
    throw invalid(word, value, `must be three numbers, or a multiple of three: ${RANGES.placeholder}`);
  }
  const ranges: IdRange[] = [];
  for (let at = 0; at < numbers.length; at += 3) {
    const [disk = 0, shown = 0, count = 0] = numbers.slice(at, at + 3).map((id) => UID.parse(word, id));
    const range = { disk, shown, count };
    const problem = problemOf(range, ranges);
    if (problem !== null) throw invalid(word, value, problem);
    ranges.push(range);
  }
  return ranges;
}

/** Why a range cannot be used beside earlier ones, or null. */
function problemOf(range: IdRange, earlier: readonly IdRange[]): string | null {
  const { disk, shown, count } = range;
  if (count === 0) return 'a range of no ids';
  if (Math.max(disk, shown) + count - 1 > LAST_ID) return `ids end at ${LAST_ID}`;
  return earlier.some((other) => overlaps(other, range)) ? 'two of the ranges have ids in common' : null;
}

/** An id must have one counterpart, in both directions. */
function overlaps(a: IdRange, b: IdRange): boolean {
  const meet = (x: number, y: number): boolean => x < y + b.count && y < x + a.count;
  return meet(a.disk, b.disk) || meet(a.shown, b.shown);
}

const ID: Check<number> = numberBetween(0, LAST_ID, { whole: true });

/** Whether `value` is an object with exactly the three numbers of a range. */
function isRange(value: unknown): value is IdRange {
  if (typeof value !== 'object' || value === null) return false;
  const { disk, shown, count } = value as Partial<Record<keyof IdRange, unknown>>;
  return Object.keys(value).length === 3 && [disk, shown, count].every(ID.holds);
}
