/** One case's layers on disk, made anew for each kill; and what they show afterwards. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { materialize } from '../../conformance/materialize.js';
import { makeLayerDirs } from '../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';
import type { KillCase } from './case.js';
import type { Executors, Step } from './executor.js';
import type { Mode, Writable } from './modes.js';
import { timeless } from './trees.js';

/** What the programs that can read the layers show of them. */
export interface ShownBy {
  readonly plyfs: Snapshot;
  readonly kernel: Snapshot | null;
}

/** Long before the test, so that what it changes can be told from what it finds. */
const OLD = { sec: 1_000_000, nsec: 0 };

export class Stage {
  readonly layers: Writable;

  /** @param base an empty directory; the stage's own */
  constructor(
    base: string,
    readonly mode: Mode,
    private readonly one: KillCase,
    private readonly executors: Executors,
  ) {
    this.layers = makeLayerDirs(base);
    for (const name of ['lower1', 'lower2', 'lower3'] as const) {
      materialize(join(base, name), one.layers[name] ?? {}, mode.form);
    }
    one.fillLower?.(join(base, 'lower1'));
    for (const lower of this.layers.lowers) age(lower);
  }

  /** The upper as the case has it, and nothing of what has been tried with it before. */
  reset(): void {
    const { upper, work } = this.layers;
    for (const path of [upper, work]) {
      rmSync(path, { recursive: true });
      mkdirSync(path);
    }
    materialize(upper, this.one.layers.upper ?? {}, this.mode.form);
    age(upper);
    this.one.leaveBehind?.(this.layers, this.mode);
  }

  /**
   * Mounts with each of the programs in turn, the kernel first or last.
   * @param later what plyfs is to make when nobody comes after it
   */
  async show(kernelFirst: boolean, later: readonly Step[] = []): Promise<ShownBy> {
    const { layers, mode, one } = this;
    const byKernel = (): Snapshot | null =>
      mode.kernelShows === null ? null : timeless(mode.kernelShows(layers, one.strayWhiteout === true));
    const before = kernelFirst ? byKernel() : null;
    const last = kernelFirst || mode.kernelShows === null;
    const order = { config: mode.config(layers), work: mode.staging(layers), later: last ? later : [] };
    const { tree, work } = await this.executors.show(order);
    if (work.length > 0) throw new Error(`left in the work directory by the kill: ${work}`);
    const left = readdirSync(mode.private(layers));
    if (left.length > 0) throw new Error(`left behind by a mount that has ended: ${left}`);
    return { plyfs: timeless(tree), kernel: kernelFirst ? before : byKernel() };
  }

  /** Everything in the lower layers, times of change included. */
  lowerFacts(): readonly string[] {
    return this.layers.lowers.flatMap((lower) =>
      Object.entries(snapshot(lower)).map(([path, facts]) => {
        const { ctime, ino } = sys.lstat(join(lower, path));
        return `${lower}/${path} ${facts} ${ino} ${ctime.sec}.${ctime.nsec}`;
      }),
    );
  }
}

/** Gives everything below `path` that has no time of its own an old one. */
function age(path: string): void {
  const { mode, mtime } = sys.lstat(path);
  if (sys.isDirectory(mode)) for (const name of readdirSync(path)) age(join(path, name));
  if (mtime.sec > 1_000_000_000) sys.utimens(path, OLD, OLD);
}
