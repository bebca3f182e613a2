/**
 * A list that shrinks like a list of steps: first whole ranges are removed, then single steps become simpler.
 */
import fc from 'fast-check';

/** The progress of a shrink, and the generator of each item of the list. */
interface Progress<T> {
  readonly items: readonly fc.Value<T>[];
  readonly next: { readonly remove: number; readonly at: number } | { readonly simplify: number };
}

/** The progress of the run of a list before it failed. */
export interface Reached {
  /** The number of items that were used. Later ones have no part in the failure. */
  readonly count: number;
  /** The stage of the run that failed. */
  readonly stage: number;
}

const reached = new WeakMap<readonly unknown[], Reached>();
const stages = new WeakMap<readonly unknown[], number>();

export function markReached(list: readonly unknown[], how: Reached): void {
  reached.set(list, how);
}

/** Returns the stage in which the longer form of `list` failed. A run of `list` can end after it. */
export function lastStage(list: readonly unknown[]): number {
  return stages.get(list) ?? Number.POSITIVE_INFINITY;
}

/**
 * Lists with one item of each of `elements`. fast-check's own arrays shrink by their length and from one end.
 * With several hundred steps and half a second for a run, that takes too long.
 */
export class Sequence<T> extends fc.Arbitrary<T[]> {
  constructor(private readonly elements: readonly fc.Arbitrary<T>[]) {
    super();
  }

  override generate(random: fc.Random, biasFactor: number | undefined): fc.Value<T[]> {
    const items = this.elements.map((element) => Object.assign(element.generate(random, biasFactor), { element }));
    return withProgress({ items, next: { remove: Math.ceil(items.length / 2), at: 0 } });
  }

  override canShrinkWithoutContext(_: unknown): _ is T[] {
    return false;
  }

  override shrink(list: T[], context: unknown): fc.Stream<fc.Value<T[]>> {
    const how = reached.get(list) ?? { count: list.length, stage: Number.POSITIVE_INFINITY };
    return new fc.Stream(smaller(how, context as Progress<T>)).map((smaller) => {
      stages.set(smaller.value, how.stage);
      return smaller;
    });
  }
}

function withProgress<T>(progress: Progress<T>): fc.Value<T[]> {
  return new fc.Value(
    progress.items.map((item) => item.value),
    progress,
  );
}

/** Each accepted candidate continues from its place, so that none is tried twice. */
function* smaller<T>({ count }: Reached, { items, next }: Progress<T>): IterableIterator<fc.Value<T[]>> {
  if (count < items.length) {
    yield withProgress({ items: items.slice(0, count), next: { remove: Math.ceil(count / 2), at: 0 } });
  }
  let simplify = 0;
  if ('simplify' in next) simplify = next.simplify;
  else {
    let { at } = next;
    for (
      let remove = Math.min(next.remove, items.length);
      remove >= 1;
      remove = remove === 1 ? 0 : Math.ceil(remove / 2)
    ) {
      // From the end, because late steps depend on early ones and not the other way round.
      for (; at < items.length; at += remove) {
        const end = items.length - at;
        const kept = [...items.slice(0, Math.max(0, end - remove)), ...items.slice(end)];
        yield withProgress({ items: kept, next: { remove, at } });
      }
      at = 0;
    }
  }
  for (let index = simplify; index < items.length; index++) {
    const item = items[index] as fc.Value<T> & { readonly element: fc.Arbitrary<T> };
    for (const simpler of item.element.shrink(item.value, item.context)) {
      const changed = [...items];
      changed[index] = Object.assign(simpler, { element: item.element });
      yield withProgress({ items: changed, next: { simplify: index } });
    }
  }
}
