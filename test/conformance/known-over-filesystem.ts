/** Where plyfs differs from the kernel's overlayfs over a file system, and means to. */
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
    why: 'plyfs refuses to copy up what has an ACL where the copy would lose it (EOPNOTSUPP); the kernel loses it',
  },
];

/** Why the case may differ; null: it may not. */
export function knownDifference(role: Role, system: string, id: string): string | null {
  return KNOWN.find((each) => each.role === role && each.systems.includes(system) && each.cases.test(id))?.why ?? null;
}
