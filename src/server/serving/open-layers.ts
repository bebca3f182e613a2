import type { Operations } from '../../fuse/operations.js';
import {
  CopyPool,
  createUnion,
  PrefetchThreads,
  refuseIncompatibleAt,
  StillEnding,
  type UnionConfig,
} from '../../union/index.js';
import type { MountConfig } from '../config/mount-config.js';
import { oneLine } from '../config/mount-error.js';

export { CopyPool, PrefetchThreads, StillEnding };

/** The parts of a union that others of its process or thread use too. It has each absent part alone. */
export type SharedParts = Pick<UnionConfig, 'fdPool' | 'copyPool' | 'prefetchThreads'>;

/** Settings of a union whose thread serves others too. */
export type Neighbourhood = SharedParts & Pick<UnionConfig, 'whileEnding'>;

/**
 * Opens the layers as a union. On a read-only mount, the upper becomes the topmost lower.
 * @throws StillEnding see `EndingPolicy`
 */
export function openLayers(
  config: MountConfig,
  writeLog: (line: string) => void,
  others: Neighbourhood = {},
): Operations {
  const log = (line: string): void => writeLog(oneLine(line));
  const { lowers, upper, work } = config;
  const dialect = config.overlay === undefined ? { aufs: config.aufs } : { overlay: config.overlay };
  const common = {
    ...dialect,
    accessTimes: config.accessTimes,
    volatile: config.volatile || !config.fsync,
    volatileMark: config.volatile,
    ...(config.ownership === undefined ? {} : { ownership: config.ownership }),
    ...(config.markersInUpper === undefined ? {} : { markersInUpper: config.markersInUpper }),
    ...(config.overrides === undefined ? {} : { overrides: config.overrides }),
    ...others,
    log,
  };
  if (upper === undefined) return createUnion({ ...common, lowers });
  // The union does not open the work directory of a read-only mount, so its marks are checked here.
  if (config.readOnly && work !== undefined && config.dialect === 'overlay') refuseIncompatibleAt(work);
  if (config.readOnly || (work === undefined && config.dialect === 'overlay')) {
    return createUnion({ ...common, ...aufsBelowUpper(config), topIsUpper: true, lowers: [upper, ...lowers] });
  }
  return createUnion({ ...common, lowers, upper, ...(work === undefined ? {} : { work }) });
}

/**
 * The settings of aufs if the upper becomes the first of the lowers: then the index of each lower is one
 * more.
 */
function aufsBelowUpper({ dialect, aufs }: MountConfig): { aufs?: MountConfig['aufs'] } {
  if (dialect === 'overlay') return {};
  return { aufs: { ...aufs, ignoresWhiteouts: aufs.ignoresWhiteouts.map((index) => index + 1) } };
}
