import { describe, expect, it } from 'vitest';
import { modeWithin, withoutForeignIds } from '../../../src/core/posix-acl.js';
import { Random } from '../../harness/random.js';
import { acl } from '../../harness/sys/index.js';

const FOREIGN = 0xffff_ffff;

describe('an ACL without the ids that this user namespace does not map', () => {
  it('is the same buffer if all ids are mapped', () => {
    const known = acl('u::rw- user:7:rw- g::r-- group:8:r-- m::rw- o::---');
    expect(withoutForeignIds(known)).toBe(known);
  });

  it.each([
    ['an entry that granted more', `u::rw- user:${FOREIGN}:rw- g::r-- m::rw- o::r--`, 'u::rw- g::r-- m::rw- o::r--'],
    [
      'a denied user, to whom the group and the others would grant access',
      `u::rw- user:${FOREIGN}:--- user:7:rw- g::r-- group:8:rw- m::rw- o::r--`,
      'u::rw- user:7:rw- g::--- group:8:--- m::rw- o::---',
    ],
    [
      'a denied group, to which the others would grant access',
      `u::rw- g::rw- group:${FOREIGN}:r-- m::rw- o::rw-`,
      'u::rw- g::rw- m::rw- o::r--',
    ],
    ['an entry that the mask limits', `u::rw- user:${FOREIGN}:rwx g::r-- m::r-- o::rwx`, 'u::rw- g::r-- m::r-- o::r--'],
  ])('loses %s', (_, before, after) => {
    expect(withoutForeignIds(acl(before))).toEqual(acl(after));
  });

  it('limits the mode to the permissions that it grants to others', () => {
    expect(modeWithin(0o106775, acl('u::rwx g::rwx m::rwx o::--x')).toString(8)).toBe('106771');
  });

  it('grants no user more permissions', () => {
    const random = new Random(8);
    for (let round = 0; round < 3000; round++) {
      const { entries, cast } = randomAcl(random);
      const after = parse(
        withoutForeignIds(acl(entries.map((one) => `${one.tag}:${shownId(one)}:${one.rights}`).join(' '))),
      );
      for (const user of [undefined, ...cast.users]) {
        for (const groups of subsets(cast.groups)) {
          for (const wanted of [1, 2, 4]) {
            if (grants(after, { user, groups }, wanted)) expect(grants(entries, { user, groups }, wanted)).toBe(true);
          }
        }
      }
    }
  });
});

interface AclEntry {
  readonly tag: string;
  readonly id: number | undefined;
  readonly rights: string;
}

/** Ids from 100 on are not mapped. */
function shownId({ id }: AclEntry): string {
  if (id === undefined) return '';
  return String(id >= 100 ? FOREIGN : id);
}

function randomAcl(random: Random): { entries: AclEntry[]; cast: { users: number[]; groups: number[] } } {
  const rights = (): string => ['r', 'w', 'x'].map((one) => (random.chance(50) ? '-' : one)).join('');
  const some = (ids: number[]): number[] => ids.filter(() => random.chance(50));
  const users = some([7, 107, 108]);
  const groups = some([8, 208, 209]);
  const entry = (tag: string, id?: number): AclEntry => ({ tag, id, rights: rights() });
  const entries = [
    entry('u'),
    ...users.map((id) => entry('user', id)),
    entry('g'),
    ...groups.map((id) => entry('group', id)),
    entry('m'),
    entry('o'),
  ];
  return { entries, cast: { users, groups: [0, ...groups] } };
}

function parse(value: Buffer): AclEntry[] {
  const tags: Record<number, string> = { 1: 'u', 2: 'user', 4: 'g', 8: 'group', 16: 'm', 32: 'o' };
  const entries: AclEntry[] = [];
  for (let at = 4; at < value.length; at += 8) {
    const tag = tags[value.readUInt16LE(at)] ?? '?';
    const bits = value.readUInt16LE(at + 2);
    const rights = [4, 2, 1].map((bit, i) => ((bits & bit) === 0 ? '-' : 'rwx'.charAt(i))).join('');
    entries.push({ tag, id: tag.length > 1 ? value.readUInt32LE(at + 4) : undefined, rights });
  }
  return entries;
}

function subsets(of: number[]): number[][] {
  const all: number[][] = [[]];
  for (const one of of) all.push(...all.map((set) => [...set, one]));
  return all;
}

/** man acl(5), ACCESS CHECK ALGORITHM, for a user who is not the owner; the owning group is 0. */
function grants(
  entries: readonly AclEntry[],
  who: { user: number | undefined; groups: number[] },
  wanted: number,
): boolean {
  const bitsOf = ({ rights }: AclEntry): number =>
    [...rights].reduce((bits, one, i) => bits | (one === '-' ? 0 : 4 >> i), 0);
  const mask = entries.filter(({ tag }) => tag === 'm').reduce((bits, one) => bits & bitsOf(one), 7);
  const named = entries.find(({ tag, id }) => tag === 'user' && id === who.user);
  if (named !== undefined) return (bitsOf(named) & mask & wanted) !== 0;
  const matching = entries.filter(
    ({ tag, id }) => (tag === 'g' && who.groups.includes(0)) || (tag === 'group' && who.groups.includes(id ?? -1)),
  );
  if (matching.length > 0) return matching.some((one) => (bitsOf(one) & mask & wanted) !== 0);
  return entries.some((one) => one.tag === 'o' && (bitsOf(one) & wanted) !== 0);
}
