/**
 * Options that change what a mount shows, not what lies on the disk; most of them are fuse-overlayfs's words.
 */
import type { IdRange, IdRule } from '../../core/id-map.js';
import type { OwnershipView } from '../../server/config/mount-config.js';
import type { MountOption, MountSettings, OwnerOptions } from './option-kinds.js';
import { invalid, parseChoice, parseNumber } from './option-value.js';

/** The last id: -1 means "none" in every interface. */
const MOST_IDS = 0xffff_fffe;

const RANGES = 'DISK:SHOWN:COUNT[:...]';

export const OWNERSHIP_OPTIONS: readonly MountOption[] = [
  {
    kind: 'value',
    name: 'uidmapping',
    placeholder: RANGES,
    help: 'files of the users DISK, DISK+1, ... on the layers are shown as of SHOWN, SHOWN+1, ..., and made so',
    set: (settings, value) => {
      ownersOf(settings).uidRanges = parseRanges('uidmapping', value);
    },
  },
  {
    kind: 'value',
    name: 'gidmapping',
    placeholder: RANGES,
    help: 'the same for groups',
    set: (settings, value) => {
      ownersOf(settings).gidRanges = parseRanges('gidmapping', value);
    },
  },
  {
    kind: 'toggle',
    on: 'squash_to_root',
    help: 'show all files as owned by root:root; owners on the layers do not change, but a copy made without root belongs to its maker',
    set: (settings) => {
      ownersOf(settings).squashToRoot = true;
    },
  },
  {
    kind: 'value',
    name: 'squash_to_uid',
    placeholder: 'UID',
    help: 'show all files as of this user',
    set: (settings, value) => {
      ownersOf(settings).squashToUid = parseId('squash_to_uid', value);
    },
  },
  {
    kind: 'value',
    name: 'squash_to_gid',
    placeholder: 'GID',
    help: 'show all files as of this group',
    set: (settings, value) => {
      ownersOf(settings).squashToGid = parseId('squash_to_gid', value);
    },
  },
  {
    kind: 'toggle',
    on: 'static_nlink',
    help: 'show one link for every directory (one that is merged has that in any case)',
    set: (settings) => present(settings, { staticLinks: true }),
  },
  {
    kind: 'toggle',
    on: 'noacl',
    help: 'POSIX ACLs are neither shown nor checked',
    set: (settings) => {
      if (settings.config.ownership?.xattrs !== 'none') present(settings, { xattrs: 'no-acls' });
    },
  },
  {
    kind: 'value',
    name: 'noxattrs',
    placeholder: '0|1',
    help: '1: no extended attributes, and no POSIX ACLs',
    set: (settings, value) => {
      if (parseChoice('noxattrs', value, { 0: false, 1: true })) present(settings, { xattrs: 'none' });
    },
  },
];

function ownersOf(settings: MountSettings): OwnerOptions {
  settings.owners ??= {};
  return settings.owners;
}

function present({ config }: MountSettings, more: OwnershipView): void {
  config.ownership = { ...config.ownership, ...more };
}

/** One id for all goes before ranges, and a given one before root's. */
export function resolveOwnership(settings: MountSettings): void {
  if (settings.owners === undefined) return;
  const { uidRanges, gidRanges, squashToRoot, squashToUid, squashToGid } = settings.owners;
  const uids = ruleOf(squashToUid ?? (squashToRoot ? 0 : undefined), uidRanges);
  const gids = ruleOf(squashToGid ?? (squashToRoot ? 0 : undefined), gidRanges);
  if (uids !== undefined) present(settings, { uids });
  if (gids !== undefined) present(settings, { gids });
}

function ruleOf(all: number | undefined, ranges: readonly IdRange[] | undefined): IdRule | undefined {
  if (all !== undefined) return { all };
  return ranges === undefined ? undefined : { ranges };
}

function parseId(name: string, value: string): number {
  return parseNumber(name, value, { max: MOST_IDS, whole: true });
}

/** Colons may stand at the beginning and the end: container engines write `:0:100000:65536`. */
function parseRanges(name: string, value: string): IdRange[] {
  const numbers = value.split(':').filter((piece) => piece !== '');
  if (numbers.length === 0 || numbers.length % 3 !== 0) {
    throw invalid(name, value, `must be three numbers, or three more and so on: ${RANGES}`);
  }
  const ranges: IdRange[] = [];
  for (let at = 0; at < numbers.length; at += 3) {
    const [disk = 0, shown = 0, count = 0] = numbers.slice(at, at + 3).map((number) => parseId(name, number));
    if (count === 0) throw invalid(name, value, 'a range of no ids');
    if (Math.max(disk, shown) + count - 1 > MOST_IDS) throw invalid(name, value, `ids end at ${MOST_IDS}`);
    const range = { disk, shown, count };
    const other = ranges.find((earlier) => overlaps(earlier, range));
    if (other !== undefined) throw invalid(name, value, 'two of the ranges have ids in common');
    ranges.push(range);
  }
  return ranges;
}

/** An id must have one counterpart, in both directions. */
function overlaps(a: IdRange, b: IdRange): boolean {
  const meet = (x: number, y: number): boolean => x < y + b.count && y < x + a.count;
  return meet(a.disk, b.disk) || meet(a.shown, b.shown);
}
