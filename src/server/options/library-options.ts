/** The options of the library: their checks, and the values that they ask for. */
import { Errno } from '../../core/errno.js';
import { HIGHEST_MAX_LAYERS, type MountConfig } from '../config/mount-config.js';
import { MountError } from '../config/mount-error.js';
import type { Dialect, Flag, OptionValues, Property, Valued } from './kinds/option-entry.js';
import {
  BOOLEAN,
  type Check,
  type Checks,
  checkProperties,
  FUNCTION,
  listOf,
  numberBetween,
  objectWith,
  oneOf,
  PATH,
  type Path,
  required,
} from './kinds/property-checks.js';
import { bytesOfPath } from './kinds/value-kinds.js';
import { OPTION_ENTRIES } from './option-words.js';
import { setProperty } from './resolve-mount.js';
import type { AnyOption } from './table/all-options.js';

/** The entries of the table that the library has. */
type LibraryEntry = Exclude<Extract<AnyOption, { readonly property: Property }>, { readonly library: false }>;
/** The entries of one dialect, or (`undefined`) those of every mount. */
type EntryOf<D> = D extends Dialect
  ? Extract<LibraryEntry, { readonly dialect: D }>
  : Exclude<LibraryEntry, { readonly dialect: Dialect }>;
/** The type of the value that the library takes for an entry. */
type ValueOf<E extends LibraryEntry> = E extends { readonly takes: { readonly check: Check<infer T> } }
  ? T
  : Exclude<OptionValues[E['property']], undefined>;

/** The properties that the table defines: those of one dialect, or (`undefined`) those of every mount. */
export type TableOptions<D extends Dialect | undefined> = {
  [E in EntryOf<D> as E['property']]?: ValueOf<E>;
};

/** The options of the library that are not in the table. */
interface OwnOptions {
  dialect?: MountConfig['dialect'];
  lowers: readonly Path[];
  dataLayers?: readonly Path[];
  mountpoint: Path;
  overlay?: TableOptions<'overlay'>;
  aufs?: TableOptions<'aufs'> & { ignoresWhiteouts?: readonly number[]; linkWhiteouts?: boolean };
}

/** The options of a mount, as a program gives them. */
export type LibraryOptions = TableOptions<undefined> & OwnOptions;

/**
 * The values that `options` ask for.
 * @throws {@link MountError} EINVAL for an unknown property or a value that a property cannot have
 */
export function valuesOf(options: LibraryOptions): OptionValues {
  checkProperties('mount', options, MOUNT_CHECKS);
  const { dialect = 'overlay', lowers, dataLayers = [], mountpoint, overlay, aufs } = options;
  if (lowers.length === 0 && (dialect === 'overlay' || options.upper === undefined)) {
    throw MountError.of({ what: 'mount: lowers', why: 'must have at least one path', errno: Errno.EINVAL });
  }
  refuseContradictions(options);
  const values: OptionValues = {
    dialect,
    mountpoint: bytesOfPath(mountpoint),
    layers: { layers: [...lowers, ...dataLayers].map(bytesOfPath), dataLayers: dataLayers.length },
  };
  for (const [group, given = {}] of [
    [undefined, options],
    ['overlay', overlay],
    ['aufs', aufs],
  ] as const) {
    const asked = new Map<string, unknown>(Object.entries(given));
    for (const entry of entriesOf(group)) {
      const value = asked.get(entry.property);
      if (value !== undefined) setFromLibrary(values, entry, value);
    }
  }
  if (aufs?.ignoresWhiteouts !== undefined) values.ignoresWhiteouts = aufs.ignoresWhiteouts;
  if (aufs?.linkWhiteouts !== undefined) values.linkWhiteouts = aufs.linkWhiteouts;
  return values;
}

/** Refuses options that contradict each other or the dialect. */
function refuseContradictions({ dialect = 'overlay', volatile, fsync, lowers, aufs = {} }: LibraryOptions): void {
  if (volatile === true && fsync === false) throw refusal('fsync', 'false contradicts volatile');
  const { ignoresWhiteouts = [], linkWhiteouts, alwaysOpaque, keepLinks } = aufs;
  const wrong = ignoresWhiteouts.find((index) => index >= lowers.length);
  if (wrong !== undefined) throw refusal('aufs.ignoresWhiteouts', `no lower layer has the index ${wrong}`);
  if (dialect === 'aufs') return;
  const asked = {
    ignoresWhiteouts: ignoresWhiteouts.length > 0,
    linkWhiteouts: linkWhiteouts === false,
    alwaysOpaque: alwaysOpaque === true,
    keepLinks: keepLinks === false,
  };
  const [name] = Object.entries(asked).find(([, isAsked]) => isAsked) ?? [];
  if (name !== undefined) throw refusal(`aufs.${name}`, 'the overlay dialect does not have this option');
}

function refusal(name: string, why: string): MountError {
  return MountError.of({ what: `mount: ${name}`, why, errno: Errno.EINVAL });
}

/** @param value has passed the check of `entry` */
function setFromLibrary(values: OptionValues, entry: Flag | Valued, value: unknown): void {
  const { property } = entry;
  setProperty(values, property, (entry.kind === 'value' ? entry.takes.fromLibrary(value) : value) as never);
}

/** The entries of {@link EntryOf}. */
function entriesOf(group: Dialect | undefined): (Flag | Valued)[] {
  return OPTION_ENTRIES.filter((entry) => entry.kind === 'flag' || entry.kind === 'value').filter(
    ({ dialect, library }) => library !== false && dialect === group,
  );
}

/** The checks of the properties that these entries define. */
function checksOf(group: Dialect | undefined): Checks {
  const entries = entriesOf(group);
  const flagValues = (property: Property): (string | boolean)[] =>
    entries.flatMap((entry) => (entry.kind === 'flag' && entry.property === property ? [entry.value] : []));
  return Object.fromEntries(
    entries.map((entry) => [
      entry.property,
      entry.kind === 'value' ? entry.takes.check : flagCheck(flagValues(entry.property)),
    ]),
  );
}

/** A flag is true or false, unless several of them give different words to one property. */
function flagCheck(values: readonly (string | boolean)[]): Check {
  return values.every((value) => typeof value === 'boolean') ? BOOLEAN : oneOf(values);
}

const PATHS = listOf(PATH, 'paths');
const MOUNT_CHECKS: Checks = {
  dialect: oneOf(['overlay', 'aufs']),
  overlay: objectWith(checksOf('overlay')),
  aufs: objectWith({
    ...checksOf('aufs'),
    ignoresWhiteouts: listOf(numberBetween(0, HIGHEST_MAX_LAYERS, { whole: true }), 'indexes of lower layers'),
    linkWhiteouts: BOOLEAN,
  }),
  lowers: required(PATHS),
  dataLayers: PATHS,
  mountpoint: required(PATH),
  ...checksOf(undefined),
  log: FUNCTION,
};
