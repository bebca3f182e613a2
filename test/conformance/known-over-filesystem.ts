/** Cases in which plyfs differs on purpose from the kernel's overlayfs over a file system. */
import type { Role } from './over-filesystem.js';

interface Known {
  readonly role: Role;
  readonly systems: readonly string[];
  /** Ids of cases. */
  readonly cases: RegExp;
  readonly why: string;
}

const KNOWN: readonly Known[] = [
  {
    role: 'upper',
    systems: ['ramfs'],
    cases: /^acl-locking-bit-copy-up-/,
    why: 'plyfs refuses to copy up an object with an ACL if the copy would lose the ACL (EOPNOTSUPP); the kernel loses it',
  },
  {
    role: 'upper',
    systems: ['overlay', 'plyfs'],
    cases: /^argument-direct-/,
    why: 'the kernel does not allow passthrough on so many stacked file systems, and without it O_DIRECT accepts any length',
  },
  {
    role: 'upper',
    systems: ['overlay', 'plyfs'],
    cases: /^disk-(?:unlink|unlink-merged|rename)$/,
    why: 'this file system cannot hold a device 0:0: whiteouts are attributes',
  },
  {
    role: 'upper',
    systems: ['plyfs'],
    cases: /^(?:write-clears-capability-root|write-locking-bit-(?:member|root)|acl-locking-bit-copy-up)-/,
    why: 'a file that gets set-id bits while it is open in passthrough loses them at the next write of root (docs/deviations.md)',
  },
];

/** Returns the reason why a case differs, or null if it must not differ. */
export function knownDifference(role: Role, system: string, id: string): string | null {
  return KNOWN.find((each) => each.role === role && each.systems.includes(system) && each.cases.test(id))?.why ?? null;
}
