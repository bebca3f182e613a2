/** Records the errnos that each system call returns while the cases run, by placement and target. */
import type { Placement } from '../case.js';

export class CallRecord {
  /** Maps `operation errno` to placements, and these to targets. */
  private readonly seen = new Map<string, Map<Placement, Set<string>>>();

  /** Records one call of a case in `placement`. */
  add(operation: string, errno: string, placement: Placement, target: string): void {
    if (errno === 'ok') return;
    const key = `${operation} ${errno}`;
    const placements = this.seen.get(key) ?? new Map<Placement, Set<string>>();
    this.seen.set(key, placements);
    placements.set(placement, (placements.get(placement) ?? new Set()).add(target));
  }

  /** Returns all recorded pairs, as [operation, errno]. */
  pairs(): [operation: string, errno: string][] {
    return [...this.seen.keys()].map((key) => {
      const at = key.lastIndexOf(' ');
      return [key.slice(0, at), key.slice(at + 1)];
    });
  }

  /** Returns the targets on which `operation` returned `errno`, in one placement or in any. */
  where(operation: string, errno: string, placement?: Placement): ReadonlySet<string> {
    const placements = this.seen.get(`${operation} ${errno}`);
    if (placements === undefined) return new Set();
    if (placement !== undefined) return placements.get(placement) ?? new Set();
    return new Set([...placements.values()].flatMap((targets) => [...targets]));
  }
}
