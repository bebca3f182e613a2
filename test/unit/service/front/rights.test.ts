import { describe, expect, it } from 'vitest';
import { differenceOf } from '../../../../src/service/front/rights.js';
import { factsOf, type ProcessFacts } from '../../../../src/sys/process/process-facts.js';

const ALL = 0x1ff_ffff_ffffn;
const ADMINISTRATOR = 1n << 21n;

const own: ProcessFacts = {
  pid: 1,
  uids: '1000\t1000\t1000\t1000',
  gids: '1000\t1000\t1000\t1000',
  groups: [1000, 27],
  effective: 0n,
  bounding: ALL,
  noNewPrivs: '0',
  seccomp: '0',
  umask: 0o22,
  userNamespace: 'user:[1]',
  pidNamespace: 'pid:[1]',
  mountNamespace: 'mnt:[1]',
  limits: new Map([
    ['Max file size', Number.POSITIVE_INFINITY],
    ['Max cpu time', Number.POSITIVE_INFINITY],
    ['Max address space', 1_000_000],
    ['Max data size', Number.POSITIVE_INFINITY],
  ]),
  label: undefined,
};

function limited(name: string, value: number): Partial<ProcessFacts> {
  return { limits: new Map([...own.limits, [name, value]]) };
}

describe('the rights of a caller', () => {
  it.each([
    ['the same', {}],
    ['another umask', { umask: 0 }],
    ['the same groups in another order', { groups: [27, 1000, 27] }],
    ['more capabilities', { effective: ADMINISTRATOR }],
    ['a higher limit', limited('Max address space', Number.POSITIVE_INFINITY)],
    ['a lower limit of open files', limited('Max open files', 3)],
  ] as const)('suffice: %s', (_, caller) => {
    expect(differenceOf({ ...own, pid: 2, ...caller }, own)).toBeUndefined();
  });

  it.each([
    ['another user namespace', { userNamespace: 'user:[2]' }],
    ['another pid namespace', { pidNamespace: 'pid:[2]' }],
    ['another mount namespace', { mountNamespace: 'mnt:[2]' }],
    ['other user ids', { uids: '1001\t1001\t1001\t1001' }],
    ['other user ids', { uids: '1000\t0\t0\t0' }],
    ['other group ids', { gids: '1000\t27\t27\t27' }],
    ['other supplementary groups', { groups: [1000] }],
    ['other supplementary groups', { groups: [1000, 27, 28] }],
    ['a smaller bounding set of capabilities', { bounding: ALL & ~ADMINISTRATOR }],
    ['another no_new_privs', { noNewPrivs: '1' }],
    ['another mode or number of filters of seccomp', { seccomp: '2 1' }],
    ['another security label', { label: 'container_t' }],
    ['a lower limit: Max file size', limited('Max file size', 1 << 20)],
    ['a lower limit: Max cpu time', limited('Max cpu time', 60)],
    ['a lower limit: Max address space', limited('Max address space', 999_999)],
    [
      'a lower limit: Max data size',
      {
        limits: new Map([
          ['Max file size', Infinity],
          ['Max cpu time', Infinity],
          ['Max address space', Infinity],
        ]),
      },
    ],
  ] as const)('do not suffice: %s', (why, caller) => {
    expect(differenceOf({ ...own, pid: 2, ...caller }, own)).toBe(why);
  });

  it('do not suffice if the service has a capability that the caller lacks', () => {
    expect(differenceOf(own, { ...own, effective: ADMINISTRATOR })).toBe('fewer effective capabilities');
  });

  it('do not suffice if the service runs a set-id program', () => {
    const changed = { ...own, uids: '1000\t0\t0\t0' };
    expect(differenceOf(changed, changed)).toBe('other user ids');
  });

  it('suffice in another mount namespace if the service can enter it', () => {
    const able = { ...own, effective: ADMINISTRATOR };
    expect(differenceOf({ ...able, mountNamespace: 'mnt:[2]' }, able)).toBeUndefined();
  });

  it('are found in /proc', () => {
    const facts = factsOf(process.pid);
    expect(facts).toBeDefined();
    if (facts === undefined) return;
    expect(differenceOf(facts, facts)).toBeUndefined();
    for (const name of own.limits.keys()) expect(facts.limits.get(name)).toBeGreaterThan(0);
    expect(facts.uids.split('\t')[0]).toBe(`${process.getuid?.()}`);
    expect(facts.umask).toBe(process.umask());
    expect(facts.seccomp).toMatch(/^[012]( \d+)?$/);
    expect(factsOf(4_194_303)).toBeUndefined();
  });
});
