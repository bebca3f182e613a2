/** Makes the config of a mount from the values of options: applies defaults, and refuses conflicts. */
import type { IdRange, IdRule } from '../../core/id-map.js';
import type { AufsSettings } from '../../union/index.js';
import type { MountConfig, OwnershipView } from '../config/mount-config.js';
import { branchesFrom } from './aufs-branches.js';
import type { OptionValues, Property, Value } from './kinds/option-entry.js';
import type { LayerList } from './kinds/value-kinds.js';
import { OPTION_ENTRIES } from './option-words.js';
import { refuseOverlayOptions, resolveOverlay } from './resolve-overlay.js';
import type { AnyOption } from './table/all-options.js';

/** The entries that have a default. */
type WithDefault = Extract<AnyOption, { readonly default: unknown }>;
type Defaults = { [E in WithDefault as E['property']]: Value<E['property']> };

/** The values of options that were not given. */
export function defaultValues(isRoot: boolean): Defaults {
  const values: OptionValues = {};
  for (const entry of OPTION_ENTRIES) {
    if (entry.kind !== 'flag' && entry.kind !== 'value') continue;
    const { property, default: byDefault } = entry;
    if (byDefault === undefined) continue;
    setProperty(values, property, typeof byDefault === 'function' ? byDefault(isRoot) : byDefault);
  }
  // Each entry with a default has set its property.
  return values as Defaults;
}

/** Sets a property. Only a generic function can relate the types of `property` and `value`. */
export function setProperty<P extends Property>(values: OptionValues, property: P, value: Value<P>): void {
  values[property] = value;
}

/**
 * The config of a mount.
 * @param note receives a line about each option that is ignored
 * @throws MountError for options that contradict each other, or that this user cannot have
 */
export function resolveMount(
  given: OptionValues,
  note: (line: string) => void = () => {},
  isRoot = process.geteuid?.() === 0,
): MountConfig {
  const values = { ...defaultValues(isRoot), ...given };
  // Takes out, group by group, the values that the config has in another form. The rest stays unchanged.
  const {
    dialect = 'overlay',
    mountpoint = '',
    layers,
    branches,
    logFile: _,
    service: _service,
    ...withoutLayers
  } = values;
  const { accessTimes, directoryAccessTimes, fsync, xattrPermissions, ...withoutTimes } = withoutLayers;
  const { redirectDir, metacopy, index, uuid, userxattr, ...withoutOverlay } = withoutTimes;
  const { ignoresWhiteouts = [], linkWhiteouts = true, alwaysOpaque, keepLinks, ...withoutAufs } = withoutOverlay;
  const { uidMapping, gidMapping, squashToRoot, squashToUid, squashToGid, ...withoutOwners } = withoutAufs;
  const { staticNlink, acls, xattrs, ...unchanged } = withoutOwners;
  const ownership = ownershipOf(values);
  const config: MountConfig = {
    ...unchanged,
    dialect,
    mountpoint,
    lowers: [],
    dataLayers: 0,
    aufs: { ignoresWhiteouts, linkWhiteouts, alwaysOpaque, keepLinks },
    accessTimes: { mode: accessTimes, directories: directoryAccessTimes },
    fsync: fsync !== false,
    volatile: values.volatile || fsync === 'volatile',
    ...(ownership === undefined ? {} : { ownership }),
    ...(xattrPermissions === undefined || xattrPermissions === 'auto' ? {} : { overrides: xattrPermissions }),
  };
  if (layers !== undefined) setLayers(config, layers);
  if (branches !== undefined) setBranches(config, branches, note);
  if (dialect === 'overlay') config.overlay = resolveOverlay(values, config, note);
  else refuseOverlayOptions(values, config);
  return config;
}

function setLayers(config: MountConfig, { layers, dataLayers }: LayerList): void {
  config.lowers = [...layers];
  config.dataLayers = dataLayers;
}

/** Sets the layers of an aufs union from its list of branches. */
function setBranches(config: MountConfig, list: string, note: (line: string) => void): void {
  const branches = branchesFrom(list, config.readOnly, note);
  const [first] = branches;
  const lowers = first?.writable === true ? branches.slice(1) : branches;
  if (first?.writable === true) config.upper = first.path;
  config.lowers = lowers.map(({ path }) => path);
  const aufs: Partial<AufsSettings> = {
    ignoresWhiteouts: lowers.flatMap(({ honoursWhiteouts }, i) => (honoursWhiteouts ? [] : [i])),
    linkWhiteouts: first?.linkWhiteouts ?? true,
  };
  config.aufs = { ...config.aufs, ...aufs };
}

/**
 * The view of owners and xattrs; undefined if nothing is changed. One id for all files takes precedence over
 * ranges, and a given id over that of root.
 */
function ownershipOf(values: OptionValues): OwnershipView | undefined {
  const { uidMapping, gidMapping, squashToRoot, squashToUid, squashToGid, staticNlink, acls, xattrs } = values;
  const root = squashToRoot === true ? 0 : undefined;
  const uids = ruleOf(squashToUid ?? root, uidMapping);
  const gids = ruleOf(squashToGid ?? root, gidMapping);
  const hidden = xattrs === false ? 'none' : acls === false ? 'no-acls' : undefined;
  const view: OwnershipView = {
    ...(uids === undefined ? {} : { uids }),
    ...(gids === undefined ? {} : { gids }),
    ...(staticNlink === true ? { staticLinks: true } : {}),
    ...(hidden === undefined ? {} : { xattrs: hidden }),
  };
  return Object.keys(view).length === 0 ? undefined : view;
}

/** The rule by which ids are shown; undefined: as they are on the layers. */
function ruleOf(all: number | undefined, ranges: readonly IdRange[] | undefined): IdRule | undefined {
  if (all !== undefined) return { all };
  return ranges === undefined ? undefined : { ranges };
}
