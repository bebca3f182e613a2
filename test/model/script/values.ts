/** Values for the arguments of calls. They are few, so that calls and layers often use the same ones. */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';

/** Names; the last one is not UTF-8. */
export const NAMES = ['a', 'b', 'c', 'd', '\xe9'] as const;

export const aName = fc.constantFrom(...NAMES);
export const aPath: fc.Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: aName },
  { weight: 5, arbitrary: fc.tuple(aName, aName).map((names) => names.join('/')) },
  { weight: 4, arbitrary: fc.tuple(aName, aName, aName).map((names) => names.join('/')) },
);
export const aFewPath: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd/a', 'd/b');
/** A directory, also the root of the tree. */
export const aDirectoryPath = fc.oneof({ weight: 8, arbitrary: aPath }, { weight: 1, arbitrary: fc.constant('.') });
/** A target of a symlink. Dangling links and loops occur by chance. */
export const aTarget = fc.oneof(
  aPath,
  aName.map((name) => `../${name}`),
  fc.constantFrom('.', 'x'.repeat(300)),
);
export const aSlot = fc.integer({ min: 0, max: 2 });
export const anOffset = fc.oneof(fc.constantFrom(0, 1, 4095, 4096, 8192), fc.nat(12_000));
export const aLength = fc.constantFrom(0, 1, 10, 500, 4096, 6000);
export const aText = fc.nat(999).map((number) => `<${number}>`);
export const aMode = fc.oneof(
  fc.constantFrom(
    0o644,
    0o755,
    0o777,
    0o700,
    0o600,
    0o444,
    0o111,
    0o1777,
    0o2775,
    0o2664,
    0o4755,
    0o6711,
    0o6777,
    0o6666,
  ),
  fc.nat(0o7777),
);

/**
 * The range of times that the clock sets, which differ between the sides. A script sets earlier times, and
 * times far later.
 */
export const CLOCK = { from: 1_500_000_000, to: 3_000_000_000 } as const;

export const aTime: fc.Arbitrary<sys.Time> = fc.record({
  sec: fc.oneof(fc.nat(1_000_000), fc.constantFrom(0, -1, -86_400, 0x7fffffff + 2_000_000_000)),
  nsec: fc.constantFrom(0, 1, 500_000_000, 999_999_999),
});

/** ACLs in the kernel's order of entries. */
export const anAcl: fc.Arbitrary<string> = fc.constantFrom(
  `u::rw- user:${sys.ALICE}:rwx g::r-- m::rwx o::---`,
  `u::rwx user:${sys.BOB}:r-- g::r-x m::r-x o::--x`,
  `u::rwx g::r-x group:${sys.PROJECT}:rwx m::rwx o::---`,
  `u::rw- user:${sys.ALICE}:--- g::rw- group:${sys.STAFF}:r-- m::rw- o::r--`,
  'u::rw- g::r-- o::r--',
);
