/**
 * A list that shrinks the way a list of steps should: first whole stretches go, then single steps become
 * simpler.
 */
import fc from 'fast-check';

/** How far a shrink has come, and how each item of the list was generated. */
interface Progress<T> {
  readonly items: readonly fc.Value<T>[];
  readonly next: { readonly remove: number; readonly at: number } | { readonly simplify: number };
}

/** How far the run of a list came before it failed. */
export interface Reached {
  /** What follows so many items played no part. */
  readonly count: number;
  /** In which stage of a run it was. */
  readonly stage: number;
}

const reached = new WeakMap<readonly unknown[], Reached>();
const stages = new WeakMap<readonly unknown[], number>();

export function markReached(list: readonly unknown[], how: Reached): void {
  reached.set(list, how);
}

/** The stage in which the list failed that `list` is a smaller form of: it need not go further. */
export function lastStage(list: readonly unknown[]): number {
  return stages.get(list) ?? Number.POSITIVE_INFINITY;
}

/**
 * Lists with as many items as `elements`, one of each. fast-check's own arrays shrink by their length and
 * from one end on; where a run takes half a second, and what matters lies anywhere in several hundred steps,
 * that takes for ever.
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

/** Each accepted candidate goes on from where it was found, so that nothing is tried twice. */
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
      // From the end: what comes last depends on what came first, and not the other way round.
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
