/** One union whose layers lie on file systems that can be made to fail. */
import { join } from 'node:path';
import { Faults, FaultyLayer } from '../harness/faulty-layer.js';
import { aufsArguments, type ForegroundMount, mountForeground, overlayOptions } from '../harness/mounts.js';
import * as sys from '../harness/sys/index.js';
import { ObservedUnion, type Places } from './observed-union.js';

export interface StageOptions {
  readonly dialect: 'overlay' | 'aufs';
  /**
   * Seconds for which the kernel may keep names and attributes of the layers: 0 makes each use of them an
   * operation.
   */
  readonly layerTimeout?: number;
  /** Upper and lower layers on one file system: data are copied by copy_file_range. */
  readonly together?: boolean;
  /** Further options of the mount. */
  readonly options?: readonly string[];
}

const FOREVER = 1e9;

export class FaultStage extends ObservedUnion {
  private constructor(
    dialect: StageOptions['dialect'],
    behind: Places,
    union: ForegroundMount,
    viewpoint: string,
    readonly faults: Faults,
    private readonly faulty: readonly FaultyLayer[],
  ) {
    super(dialect, behind, union, viewpoint);
  }

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
      return new FaultStage(options.dialect, behind, union, join(base, 'view'), faults, faulty);
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
      this.union.unmount();
    } finally {
      for (const layer of [...this.faulty].reverse()) await layer.unmount();
    }
  }
}
