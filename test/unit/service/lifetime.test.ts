import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Lifetime } from '../../../src/service/lifetime.js';

describe('the lifetime of a server process', () => {
  let activity: number;
  const ending = vi.fn();
  const stopAll = vi.fn(async () => {
    activity = 0;
  });

  beforeEach(() => {
    activity = 0;
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.clearAllMocks();
  });

  const make = (idleMs?: number): Lifetime => new Lifetime({ activity: () => activity, stopAll, ending, idleMs });

  function change(lifetime: Lifetime, to: number): void {
    activity = to;
    lifetime.changed();
  }

  it('has no end by itself', () => {
    const lifetime = make();
    change(lifetime, 1);
    change(lifetime, 0);
    vi.advanceTimersByTime(1e9);
    expect(ending).not.toHaveBeenCalled();
    expect(lifetime.isOpen).toBe(true);
  });

  it('ends after a time without mounts, from the start or from the last mount', () => {
    make(1000);
    vi.advanceTimersByTime(999);
    expect(ending).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1);
    expect(ending).toHaveBeenCalledTimes(1);
    const other = make(1000);
    change(other, 1);
    vi.advanceTimersByTime(5000);
    change(other, 0);
    vi.advanceTimersByTime(999);
    expect(ending).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(1);
    expect(ending).toHaveBeenCalledTimes(2);
    expect(other.isOpen).toBe(false);
  });

  it('ends when the mounts are unmounted, if it is asked to', () => {
    const lifetime = make();
    change(lifetime, 2);
    const told = vi.fn();
    lifetime.drain(told);
    expect(lifetime.isOpen).toBe(false);
    change(lifetime, 1);
    expect(told).not.toHaveBeenCalled();
    change(lifetime, 0);
    expect(told).toHaveBeenCalledTimes(1);
    expect(ending).toHaveBeenCalledTimes(1);
  });

  it('continues if all such requests are withdrawn', () => {
    const lifetime = make();
    change(lifetime, 1);
    const withdraw = [lifetime.drain(vi.fn()), lifetime.drain(vi.fn())];
    withdraw[0]?.();
    expect(lifetime.isOpen).toBe(false);
    withdraw[1]?.();
    expect(lifetime.isOpen).toBe(true);
    change(lifetime, 0);
    expect(ending).not.toHaveBeenCalled();
  });

  it('ends once, after everything is unmounted, if it is stopped several times', async () => {
    const lifetime = make();
    change(lifetime, 3);
    await Promise.all([lifetime.stop(), lifetime.stop()]);
    expect(stopAll).toHaveBeenCalledTimes(1);
    expect(ending).toHaveBeenCalledTimes(1);
    expect(lifetime.isOpen).toBe(false);
  });
});
