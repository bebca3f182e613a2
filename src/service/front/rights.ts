/** Whether the service can act for a caller: it must have no right that the caller does not have. */
import type { ProcessFacts } from '../../sys/process/process-facts.js';
import { CAP_SYS_ADMIN } from '../../sys/rights/capabilities.js';

/**
 * Limits that bound the work of a mount, so that a caller with lower ones must not get more from the service.
 * The other limits bound a process: its open files, threads and locks.
 */
const LIMITS = ['Max file size', 'Max cpu time', 'Max address space', 'Max data size'];

/** The reason why the service does not mount for the caller. Undefined: it does. */
export function differenceOf(caller: ProcessFacts, own: ProcessFacts): string | undefined {
  if (caller.userNamespace !== own.userNamespace) return 'another user namespace';
  if (caller.pidNamespace !== own.pidNamespace) return 'another pid namespace';
  if (caller.uids !== own.uids || !allEqual(own.uids)) return 'other user ids';
  if (caller.gids !== own.gids || !allEqual(own.gids)) return 'other group ids';
  if (!sameMembers(caller.groups, own.groups)) return 'other supplementary groups';
  if (!contains(caller.effective, own.effective)) return 'fewer effective capabilities';
  if (!contains(caller.bounding, own.bounding)) return 'a smaller bounding set of capabilities';
  if (caller.noNewPrivs !== own.noNewPrivs) return 'another no_new_privs';
  if (caller.seccomp !== own.seccomp) return 'another mode or number of filters of seccomp';
  if (caller.label !== own.label) return 'another security label';
  const limit = LIMITS.find((name) => limitOf(caller, name) < limitOf(own, name));
  if (limit !== undefined) return `a lower limit: ${limit}`;
  const isElsewhere = caller.mountNamespace !== own.mountNamespace;
  if (isElsewhere && !contains(own.effective, 1n << CAP_SYS_ADMIN)) return 'another mount namespace';
  return undefined;
}

/** A limit that is not listed counts as the lowest, so that its absence is noticed. */
function limitOf({ limits }: ProcessFacts, name: string): number {
  return limits.get(name) ?? -1;
}

/** Whether the ids in a field of /proc/PID/status are the same: no set-id program has been executed. */
function allEqual(ids: string): boolean {
  return new Set(ids.split(/\s+/)).size === 1;
}

function sameMembers(a: readonly number[], b: readonly number[]): boolean {
  const [first, second] = [new Set(a), new Set(b)];
  return first.size === second.size && [...first].every((member) => second.has(member));
}

function contains(all: bigint, some: bigint): boolean {
  return (all & some) === some;
}
