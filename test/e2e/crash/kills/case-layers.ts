/**
 * The layers of one case on disk, made anew for each kill, and the trees that programs show of them
 * afterwards.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { materialize } from '../../../conformance/materialize.js';
import type { WritableLayerDirs } from '../../../harness/scratch.js';
import { makeLayerDirs } from '../../../harness/scratch.js';
import { type Snapshot, snapshot } from '../../../harness/snapshot.js';
import * as sys from '../../../harness/sys/index.js';
import { emptyBySize, timeless } from './compare-trees.js';
import type { Executors, Step } from './executor.js';
import type { KillCase } from './kill-case.js';
import type { Mode } from './modes.js';

/** The trees that plyfs and the kernel show. The kernel's is null if it cannot read the layers. */
export interface Views {
  readonly plyfs: Snapshot;
  readonly kernel: Snapshot | null;
}

/** A time long before the test. Objects that the test changes have later times. */
const OLD = { sec: 1_000_000, nsec: 0 };

/** The settings of mounts after a kill. */
const TRUSTED = { volatile: false, volatileMark: false };

export class CaseLayers {
  readonly layers: WritableLayerDirs;

  /** @param base an empty directory for this object alone */
  constructor(
    base: string,
    readonly mode: Mode,
    private readonly killCase: KillCase,
    private readonly executors: Executors,
  ) {
    this.layers = makeLayerDirs(base);
    for (const name of ['lower1', 'lower2', 'lower3'] as const) {
      materialize(join(base, name), killCase.layers[name] ?? {}, mode.form);
    }
    killCase.fillLower?.(join(base, 'lower1'));
    for (const lower of this.layers.lowers) age(lower);
  }

  /** Restores the upper of the case and empties the work directory. */
  reset(): void {
    const { upper, work } = this.layers;
    for (const path of [upper, work]) {
      rmSync(path, { recursive: true });
      mkdirSync(path);
    }
    materialize(upper, this.killCase.layers.upper ?? {}, this.mode.form);
    age(upper);
    this.killCase.addLeftovers?.(this.layers, this.mode);
  }

  /**
   * Mounts with each program, the kernel first or last, and returns the trees that they show.
   * @param later steps that plyfs makes if no other program mounts after it
   */
  async view(kernelFirst: boolean, later: readonly Step[] = []): Promise<Views> {
    const { layers, mode, killCase } = this;
    if (mode.volatile) await this.clearVolatileMark();
    const byKernel = (): Snapshot | null => {
      if (mode.kernelView === null) return null;
      const tree = timeless(mode.kernelView(layers, killCase.strayWhiteout === true));
      return killCase.kernelReadsBeyondSize === true ? emptyBySize(tree) : tree;
    };
    const before = kernelFirst ? byKernel() : null;
    const last = kernelFirst || mode.kernelView === null;
    const order = {
      config: { ...mode.config(layers), ...TRUSTED },
      work: mode.stagingDirectory(layers),
      later: last ? later : [],
    };
    const { tree, work } = await this.executors.view(order);
    if (work.length > 0) throw new Error(`unfinished changes in the work directory after the kill: ${work}`);
    const left = readdirSync(mode.privateDirectory(layers));
    if (left.length > 0) throw new Error(`private files of a mount that has ended: ${left}`);
    return { plyfs: timeless(tree), kernel: kernelFirst ? before : byKernel() };
  }

  /**
   * Removes the mark of a volatile mount, as an administrator does who knows that the machine has not
   * crashed. Before that, expects both programs to refuse the upper and to change nothing in it.
   */
  private async clearVolatileMark(): Promise<void> {
    const { layers, mode } = this;
    if (!this.isMarked()) return;
    const facts = (): string => JSON.stringify([this.facts(layers.upper), snapshot(layers.work)]);
    const before = facts();
    await this.expectRefusal('plyfs', 'EINVAL: workdir', async () => {
      const order = { config: { ...mode.config(layers), ...TRUSTED }, work: mode.stagingDirectory(layers), later: [] };
      await this.executors.view(order);
    });
    if (facts() !== before) throw new Error('plyfs refused the upper of a volatile mount, but changed it');
    // The kernel empties the work directory before it refuses, except for the mark
    // (fs/overlayfs/readdir.c:ovl_workdir_cleanup_recurse).
    await this.expectRefusal('the kernel', 'EINVAL', async () => {
      mode.kernelView?.(layers, false);
    });
    if (!this.isMarked()) throw new Error('the kernel has removed the mark of a volatile mount');
    rmSync(this.mark, { recursive: true });
  }

  /** Whether the work directory has the mark of a volatile mount. */
  isMarked(): boolean {
    return existsSync(this.mark);
  }

  private get mark(): string {
    return `${this.mode.stagingDirectory(this.layers)}/incompat/volatile`;
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

  /** Facts of all objects in the lower layers, with inode numbers and times of change. */
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

/** Sets an old time on all objects below `path` whose time the case does not set. */
function age(path: string): void {
  const { mode, mtime } = sys.lstat(path);
  if (sys.isDirectory(mode)) for (const name of readdirSync(path)) age(join(path, name));
  if (mtime.sec > 1_000_000_000) sys.utimens(path, OLD, OLD);
}
