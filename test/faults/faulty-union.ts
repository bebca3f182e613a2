/** A union whose layers are on file systems that fail by a plan. */
import { join } from 'node:path';
import { Faults, FaultyLayer } from '../harness/faulty-layer.js';
import { aufsArguments, overlayOptions } from '../harness/mounts.js';
import { mountWithOwnServer, type OwnMount } from '../harness/own-server.js';
import * as sys from '../harness/sys/index.js';
import { type LayerDirectories, ObservedUnion } from './observed-union.js';

export interface FaultyUnionOptions {
  readonly dialect: 'overlay' | 'aufs';
  /**
   * Seconds for which the kernel can cache names and attributes of the layers. With 0, each use of them is an
   * operation.
   */
  readonly layerTimeout?: number;
  /** True: upper and lower layers are on one file system, so that copy_file_range(2) copies the data. */
  readonly together?: boolean;
  /** More options of the mount. */
  readonly options?: readonly string[];
}

const FOREVER = 1e9;

export class FaultyUnion extends ObservedUnion {
  private constructor(
    dialect: FaultyUnionOptions['dialect'],
    directories: LayerDirectories,
    mount: OwnMount,
    viewpoint: string,
    readonly faults: Faults,
    private readonly faulty: readonly FaultyLayer[],
  ) {
    super(dialect, directories, mount, viewpoint);
  }

  /** @param base an empty directory, on a file system that can hold an upper layer */
  static async open(base: string, options: FaultyUnionOptions): Promise<FaultyUnion> {
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
      const mount = await mountWithOwnServer(layers, args);
      const directories = {
        upper: join(base, at('upper')),
        work: join(base, at('work')),
        lower1: join(base, at('lower1')),
        lower2: join(base, at('lower2')),
      };
      return new FaultyUnion(options.dialect, directories, mount, join(base, 'view'), faults, faulty);
    } catch (error) {
      for (const layer of faulty.reverse()) await layer.unmount();
      throw error;
    }
  }

  override get log(): string {
    return super.log + this.faulty.flatMap(({ log }) => log).join('\n');
  }

  async close(): Promise<void> {
    this.faults.disarm();
    try {
      this.mount.unmount();
      await this.mount.server.closed();
    } finally {
      for (const layer of [...this.faulty].reverse()) await layer.unmount();
    }
  }
}
