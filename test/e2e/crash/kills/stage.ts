/** One case's layers on disk, made anew for each kill; and what they show afterwards. */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { materialize } from '../../../conformance/materialize.js';
import { makeLayerDirs } from '../../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../../harness/snapshot.js';
import * as sys from '../../../harness/sys/index.js';
import type { KillCase } from './case.js';
import type { Executors, Step } from './executor.js';
import type { Mode, Writable } from './modes.js';
import { emptyBySize, timeless } from './trees.js';

/** What the programs that can read the layers show of them. */
export interface ShownBy {
  readonly plyfs: Snapshot;
  readonly kernel: Snapshot | null;
}

/** Long before the test, so that what it changes can be told from what it finds. */
const OLD = { sec: 1_000_000, nsec: 0 };

/** Of those who come after a kill. */
const TRUSTED = { volatile: false, volatileMark: false };

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
    if (mode.volatile) await this.pardon();
    const byKernel = (): Snapshot | null => {
      if (mode.kernelShows === null) return null;
      const tree = timeless(mode.kernelShows(layers, one.strayWhiteout === true));
      return one.looseData === true ? emptyBySize(tree) : tree;
    };
    const before = kernelFirst ? byKernel() : null;
    const last = kernelFirst || mode.kernelShows === null;
    const order = {
      config: { ...mode.config(layers), ...TRUSTED },
      work: mode.staging(layers),
      later: last ? later : [],
    };
    const { tree, work } = await this.executors.show(order);
    if (work.length > 0) throw new Error(`left in the work directory by the kill: ${work}`);
    const left = readdirSync(mode.private(layers));
    if (left.length > 0) throw new Error(`left behind by a mount that has ended: ${left}`);
    return { plyfs: timeless(tree), kernel: kernelFirst ? before : byKernel() };
  }

  /**
   * What a volatile mount leaves keeps everybody from the upper, and nobody changes anything of it. Somebody
   * who knows that the machine has not crashed takes it away.
   */
  private async pardon(): Promise<void> {
    const { layers, mode } = this;
    if (!this.isMarked()) return;
    const facts = (): string => JSON.stringify([this.facts(layers.upper), snapshot(layers.work)]);
    const before = facts();
    await this.expectRefusal('plyfs', 'EINVAL: workdir', async () => {
      const order = { config: { ...mode.config(layers), ...TRUSTED }, work: mode.staging(layers), later: [] };
      await this.executors.show(order);
    });
    if (facts() !== before) throw new Error('the upper of a volatile mount was refused, and has changed');
    // It empties the work directory all the same, but for the mark
    // (fs/overlayfs/readdir.c:ovl_workdir_cleanup_recurse).
    await this.expectRefusal('the kernel', 'EINVAL', async () => {
      mode.kernelShows?.(layers, false);
    });
    if (!this.isMarked()) throw new Error('the kernel has removed the mark of a volatile mount');
    rmSync(this.mark, { recursive: true });
  }

  /** Whether the layers are those of a volatile mount. */
  isMarked(): boolean {
    return existsSync(this.mark);
  }

  private get mark(): string {
    return `${this.mode.staging(this.layers)}/incompat/volatile`;
  }

  private async expectRefusal(by: string, why: string, mount: () => Promise<void>): Promise<void> {
    try {
      await mount();
    } catch (error) {
      if (error instanceof Error && error.message.includes(why)) return;
      throw error;
    }
    throw new Error(`${by} has mounted the upper of a volatile mount`);
  }

  /** Everything in the lower layers, times of change included. */
  lowerFacts(): readonly string[] {
    return this.layers.lowers.flatMap((lower) => this.facts(lower));
  }

  private facts(layer: string): readonly string[] {
    return Object.entries(snapshot(layer)).map(([path, facts]) => {
      const { ctime, ino } = sys.lstat(join(layer, path));
      return `${layer}/${path} ${facts} ${ino} ${ctime.sec}.${ctime.nsec}`;
    });
  }
}

/** Gives everything below `path` that has no time of its own an old one. */
function age(path: string): void {
  const { mode, mtime } = sys.lstat(path);
  if (sys.isDirectory(mode)) for (const name of readdirSync(path)) age(join(path, name));
  if (mtime.sec > 1_000_000_000) sys.utimens(path, OLD, OLD);
}
