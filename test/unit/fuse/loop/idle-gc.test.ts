/** An idle server frees memory, and then does nothing at all. */
import { describe, expect, it } from 'vitest';
import { IDLE_MS, IdleGc, type ThreadHeap } from '../../../../src/fuse/loop/idle-gc.js';

const MB = 1 << 20;

/** A heap whose sizes after each collection are given in advance. */
class ScriptedHeap implements ThreadHeap {
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

describe('garbage collection of an idle server', () => {
  it('is not scheduled for a mount that is not used', () => {
    const gc = new IdleGc(new ScriptedHeap());
    expect(gc.delay(0)).toBe(-1);
    expect(gc.delay(1)).toBe(IDLE_MS);
    gc.run(1, 0);
    expect(gc.delay(1)).toBe(-1);
  });

  it('needs much garbage, also compared with the live objects', () => {
    const heap = new ScriptedHeap();
    heap.used = 100 * MB;
    const gc = new IdleGc(heap);
    heap.used = 120 * MB;
    gc.run(1, 0);
    expect(heap.collections).toBe(0);
    heap.used = 126 * MB;
    gc.run(2, 0);
    expect(heap.collections).toBe(1);
  });

  it('counts forgotten nodes as garbage although the heap has not grown', () => {
    const heap = new ScriptedHeap();
    const gc = new IdleGc(heap);
    gc.run(1, 1000);
    expect(heap.collections).toBe(0);
    gc.run(2, 100_000);
    expect(heap.collections).toBe(1);
    gc.run(3, 100_100);
    expect(heap.collections).toBe(1);
  });

  it('is repeated as long as it frees much, and no longer', () => {
    const heap = new ScriptedHeap();
    heap.held = 100 * MB;
    heap.used = 50 * MB;
    // The first collection finds the dead objects, the second one frees their pages.
    heap.after.push({ used: 5 * MB, held: 98 * MB }, { used: 5 * MB, held: 20 * MB }, { used: 5 * MB, held: 19 * MB });
    const gc = new IdleGc(heap);
    let turns = 0;
    for (gc.run(1, 500_000); gc.delay(1) === IDLE_MS; turns++) gc.run(1, 500_000);
    expect(turns).toBe(2);
    expect(heap.collections).toBe(3);
  });

  it('frees the unreachable objects of the thread', () => {
    const gc = new IdleGc();
    const before = process.memoryUsage().heapUsed;
    (() => Array.from({ length: 400_000 }, (_, i) => ({ i, text: `${i}` })).length)();
    expect(process.memoryUsage().heapUsed).toBeGreaterThan(before + 8 * MB);
    gc.run(1, 0);
    expect(process.memoryUsage().heapUsed).toBeLessThan(before + 4 * MB);
    expect('gc' in globalThis).toBe(false);
  });
});
