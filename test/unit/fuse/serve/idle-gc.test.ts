/** A server that has nothing to do gives memory back, and then does nothing at all. */
import { describe, expect, it } from 'vitest';
import { type Heap, IDLE_MS, IdleGc } from '../../../../src/fuse/serve/idle-gc.js';

const MB = 1 << 20;

/** A heap whose collections bring it to what is said. */
class ToldHeap implements Heap {
  used = 10 * MB;
  held = 20 * MB;
  collections = 0;
  readonly after: { used: number; held: number }[] = [];

  measure(): { used: number; held: number } {
    return { used: this.used, held: this.held };
  }
  collect(): void {
    this.collections++;
    Object.assign(this, this.after.shift() ?? {});
  }
}

describe('rest', () => {
  it('nobody waits for it on a mount that is not used', () => {
    const rest = new IdleGc(new ToldHeap());
    expect(rest.patience(0)).toBe(-1);
    expect(rest.patience(1)).toBe(IDLE_MS);
    rest.take(1, 0);
    expect(rest.patience(1)).toBe(-1);
  });

  it('little garbage is left alone, also little beside what lives', () => {
    const heap = new ToldHeap();
    heap.used = 100 * MB;
    const rest = new IdleGc(heap);
    heap.used = 120 * MB;
    rest.take(1, 0);
    expect(heap.collections).toBe(0);
    heap.used = 126 * MB;
    rest.take(2, 0);
    expect(heap.collections).toBe(1);
  });

  it('what was forgotten is garbage although the heap has not grown', () => {
    const heap = new ToldHeap();
    const rest = new IdleGc(heap);
    rest.take(1, 1000);
    expect(heap.collections).toBe(0);
    rest.take(2, 100_000);
    expect(heap.collections).toBe(1);
    rest.take(3, 100_100);
    expect(heap.collections).toBe(1);
  });

  it('goes on for as long as it gives much back, and no longer', () => {
    const heap = new ToldHeap();
    heap.held = 100 * MB;
    heap.used = 50 * MB;
    // The first finds what is dead, the second gives back its pages.
    heap.after.push({ used: 5 * MB, held: 98 * MB }, { used: 5 * MB, held: 20 * MB }, { used: 5 * MB, held: 19 * MB });
    const rest = new IdleGc(heap);
    let turns = 0;
    for (rest.take(1, 500_000); rest.patience(1) === IDLE_MS; turns++) rest.take(1, 500_000);
    expect(turns).toBe(2);
    expect(heap.collections).toBe(3);
  });

  it('the heap of the thread: objects that are not needed any more are gone', () => {
    const rest = new IdleGc();
    const lives = process.memoryUsage().heapUsed;
    (() => Array.from({ length: 400_000 }, (_, i) => ({ i, text: `${i}` })).length)();
    expect(process.memoryUsage().heapUsed).toBeGreaterThan(lives + 8 * MB);
    rest.take(1, 0);
    expect(process.memoryUsage().heapUsed).toBeLessThan(lives + 4 * MB);
    expect('gc' in globalThis).toBe(false);
  });
});
