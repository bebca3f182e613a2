/**
 * Which errno each system call really came to, in which placement, on which target: written down while the
 * cases run.
 */
import type { Placement } from './case.js';

export class CallRecord {
  /** `operation errno` → placement → targets. */
  private readonly seen = new Map<string, Map<Placement, Set<string>>>();

  /** One call of a case that lies in `placement`. */
  add(operation: string, errno: string, placement: Placement, target: string): void {
    if (errno === 'ok') return;
    const key = `${operation} ${errno}`;
    const placements = this.seen.get(key) ?? new Map<Placement, Set<string>>();
    this.seen.set(key, placements);
    placements.set(placement, (placements.get(placement) ?? new Set()).add(target));
  }

  /** All that any target came to, as [operation, errno]. */
  pairs(): [operation: string, errno: string][] {
    return [...this.seen.keys()].map((key) => {
      const at = key.lastIndexOf(' ');
      return [key.slice(0, at), key.slice(at + 1)];
    });
  }

  /** The targets on which `operation` came to `errno`, in one placement or in any. */
  where(operation: string, errno: string, placement?: Placement): ReadonlySet<string> {
    const placements = this.seen.get(`${operation} ${errno}`);
    if (placements === undefined) return new Set();
    if (placement !== undefined) return placements.get(placement) ?? new Set();
    return new Set([...placements.values()].flatMap((targets) => [...targets]));
  }
}
