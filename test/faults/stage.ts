/** One union whose layers lie on file systems that can be made to fail, and the directories behind them. */
import { existsSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { aufsForm, overlayForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { dir, type Layers } from '../conformance/tree.js';
import { Faults, FaultyLayer } from '../harness/faulty-layer.js';
import { aufsArguments, type ForegroundMount, mountForeground, overlayOptions } from '../harness/mounts.js';
import type { Snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';
import { kernelView, plyfsView } from './layer-view.js';

export interface StageOptions {
  readonly dialect: 'overlay' | 'aufs';
  /** Seconds for which the kernel may keep names and attributes of the layers: 0 makes each use of them an operation. */
  readonly layerTimeout?: number;
  /** Upper and lower layers on one file system: data are copied by copy_file_range. */
  readonly together?: boolean;
  /** Further options of the mount. */
  readonly options?: readonly string[];
}

const LAYERS = ['upper', 'lower1', 'lower2'] as const;
const FOREVER = 1e9;

export class FaultStage {
  private constructor(
    readonly options: StageOptions,
    readonly faults: Faults,
    /** What lies below the faulty file systems, by layer. */
    private readonly behind: { readonly [layer in (typeof LAYERS)[number] | 'work']: string },
    private readonly faulty: readonly FaultyLayer[],
    private readonly union: ForegroundMount,
    private readonly viewpoint: string,
  ) {}

  /** @param base an empty directory, on a file system that can be an upper */
  static async open(base: string, options: StageOptions): Promise<FaultStage> {
    for (const name of ['high', 'low', 'faulty-high', 'faulty-low', 'merged', 'view']) sys.mkdir(join(base, name));
    const low = options.together === true ? 'high' : 'low';
    const places = { upper: 'high', work: 'high', lower1: low, lower2: low };
    const at = (layer: keyof typeof places): string => join(places[layer], layer);
    for (const layer of ['upper', 'work', 'lower1', 'lower2'] as const) sys.mkdir(join(base, at(layer)));
    const faults = new Faults();
    const faulty: FaultyLayer[] = [];
    try {
      for (const name of options.together === true ? ['high'] : ['high', 'low']) {
        const timeout = options.layerTimeout ?? FOREVER;
        faulty.push(await FaultyLayer.mount(join(base, name), join(base, `faulty-${name}`), faults, timeout));
      }
      const layers = {
        lowers: [join(base, `faulty-${at('lower1')}`), join(base, `faulty-${at('lower2')}`)],
        upper: join(base, `faulty-${at('upper')}`),
        work: join(base, `faulty-${at('work')}`),
        mountpoint: join(base, 'merged'),
      };
      const extra = options.options ?? [];
      const args = options.dialect === 'aufs' ? aufsArguments(layers, extra) : ['-o', overlayOptions(layers, extra)];
      const union = await mountForeground(layers, [], args);
      const behind = {
        upper: join(base, at('upper')),
        work: join(base, at('work')),
        lower1: join(base, at('lower1')),
        lower2: join(base, at('lower2')),
      };
      return new FaultStage(options, faults, behind, faulty, union, join(base, 'view'));
    } catch (error) {
      for (const layer of faulty.reverse()) await layer.unmount();
      throw error;
    }
  }

  get root(): string {
    return this.union.mountpoint;
  }

  /** The process that serves the union. */
  get server(): ForegroundMount['server'] {
    return this.union.server;
  }

  get log(): string {
    return this.union.log() + this.faulty.flatMap(({ log }) => log).join('\n');
  }

  /** Puts `layers` into a directory `name` of the union, of which nobody has asked yet. */
  add(name: string, layers: Layers): void {
    const form = this.options.dialect === 'aufs' ? aufsForm : overlayForm;
    for (const layer of LAYERS) {
      const tree = layers[layer];
      if (tree !== undefined) materialize(this.behind[layer], { [name]: dir(tree, { mtime: 1_000_000_000 }) }, form);
    }
  }

  /** What the directory `name` shows to others than the mount, by who looks. */
  views(name: string): { readonly [viewer: string]: Snapshot } {
    const layers = LAYERS.map((layer) => this.behind[layer]);
    const aufs = this.options.dialect === 'aufs';
    const own = plyfsView(layers, aufs, name);
    return aufs ? { plyfs: own } : { plyfs: own, kernel: kernelView(layers, this.viewpoint, name) };
  }

  /** Fds of the server but those of directories, of which it keeps a bounded number. */
  openFiles(): string[] {
    const fds = `/proc/${this.union.server.pid}/fd`;
    const open: string[] = [];
    for (const fd of readdirSync(fds)) {
      const path = join(fds, fd);
      try {
        if (!statSync(path).isDirectory()) open.push(readlinkSync(path));
      } catch (error) {
        // Closed since it was listed.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return open.sort();
  }

  /** What lies where changes are prepared, but the whiteout of which the others are links. */
  leftovers(): string[] {
    const place =
      this.options.dialect === 'aufs' ? join(this.behind.upper, '.wh..wh.orph') : join(this.behind.work, 'work');
    if (!existsSync(place)) return [];
    return readdirSync(place).filter((name) => !overlayForm.isWhiteout(place, name));
  }

  async close(): Promise<void> {
    this.faults.disarm();
    try {
      this.union.unmount();
    } finally {
      for (const layer of [...this.faulty].reverse()) await layer.unmount();
    }
  }
}
