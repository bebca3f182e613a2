/**
 * One entry of the table of options. The parser of `-o`, the help, the man pages, the shell completions and
 * the checks of the library are made from these entries.
 */
import type { AccessTimes } from '../../../core/access-times.js';
import type { IdRange } from '../../../core/id-map.js';
import type { MountConfig } from '../../config/mount-config.js';
import type { LayerList, ValueKind } from './value-kinds.js';

export type Dialect = MountConfig['dialect'];

/**
 * Whether the service (`plyfs serve`) serves the mount. `auto`: if one runs and can; `start`: one is started
 * if none runs.
 */
export type ServiceUse = 'auto' | 'off' | 'required' | 'start';

/**
 * The values that options ask for: plain data, in which an absent property was not given. All strings are
 * bytes (latin1-decoded). `resolveMount` makes a MountConfig from it.
 */
export interface OptionValues
  extends Partial<
    Pick<
      MountConfig,
      | 'dialect'
      | 'mountpoint'
      | 'upper'
      | 'work'
      | 'readOnly'
      | 'suid'
      | 'dev'
      | 'exec'
      | 'allowOther'
      | 'markersInUpper'
      | 'volatile'
      | 'passthrough'
      | 'transport'
      | 'requestTimeout'
      | 'timeout'
      | 'maxLayers'
      | 'fsname'
      | 'subtype'
      | 'debug'
    >
  > {
  /** The lower layers. */
  layers?: LayerList;
  /** The text of the list of branches of an aufs union: `DIR[=PERM]:...`. */
  branches?: string;
  accessTimes?: AccessTimes['mode'];
  directoryAccessTimes?: boolean;
  fsync?: boolean | 'volatile';
  redirectDir?: 'on' | 'follow' | 'nofollow' | 'off';
  metacopy?: boolean;
  index?: boolean;
  uuid?: boolean;
  userxattr?: boolean;
  ignoresWhiteouts?: readonly number[];
  linkWhiteouts?: boolean;
  alwaysOpaque?: boolean;
  keepLinks?: boolean;
  uidMapping?: readonly IdRange[];
  gidMapping?: readonly IdRange[];
  squashToRoot?: boolean;
  squashToUid?: number;
  squashToGid?: number;
  staticNlink?: boolean;
  acls?: boolean;
  xattrs?: boolean;
  /** `auto`: the form that an earlier mount has used in the upper. */
  xattrPermissions?: 'auto' | 'privileged' | 'user';
  /** The file for the log of a mount in the background. */
  logFile?: string;
  service?: ServiceUse;
}

/** The name of a value that options set. */
export type Property = keyof OptionValues;
export type Value<P extends Property> = Exclude<OptionValues[P], undefined>;

/** The properties of entries that set a value. */
interface EntryBase {
  /** The help: a phrase that follows the option. */
  readonly help: string;
  /** Absent: both dialects have the option. In the library it belongs to the property of this name. */
  readonly dialect?: Dialect;
  /** Options that cannot be combined with this one. */
  readonly conflicts?: readonly string[];
  /** False: the library has no such property, or has one of another form. */
  readonly library?: false;
  /**
   * The program fuse-overlayfs ignores the option. So in that program's form of the command line a wrong
   * value of it is ignored too.
   */
  readonly fuseOverlayfs?: 'ignores';
  /** `-o remount` can change it. */
  readonly remounts?: true;
}

/** The value of a property that no option sets. It can depend on whether root mounts. */
type Default<P extends Property> = Value<P> | ((isRoot: boolean) => Value<P>);

/** The values that a flag can give to the property P. */
type FlagValue<P extends Property> = Extract<Value<P>, boolean | string>;

/** A flag that sets the property P. */
interface FlagOf<P extends Property> extends EntryBase {
  readonly kind: 'flag';
  readonly word: string;
  readonly property: P;
  /** The value that the word gives to the property. */
  readonly value: FlagValue<P>;
  readonly opposite?: string;
  /** Absent: the opposite restores the default, if the property has the value of `word`. */
  readonly oppositeValue?: FlagValue<P>;
  readonly default?: Default<P>;
}

/** An option with a value, which sets the property P. */
export interface ValuedOf<P extends Property> extends EntryBase {
  readonly kind: 'value';
  readonly word: string;
  /** Other words for the same option. */
  readonly aliases?: readonly string[];
  /** The sign between `word` and value in the help; absent: `=`, and no other is read. */
  readonly separator?: ':';
  readonly property: P;
  readonly takes: ValueKind<Value<P>, unknown>;
  readonly default?: Default<P>;
  /**
   * The meaning of a second one with another value: an error, because one of the two would be lost
   * unnoticed (default); one more value (`adds`); or that the last one holds, as in the kernel (`holds`).
   */
  readonly again?: 'adds' | 'holds';
}

/** A word without a value. The last one applies, as in mount(8). */
export type Flag = { [P in Property]: FlagOf<P> }[Property];

/** `word=VALUE`. */
export type Valued = { [P in Property]: ValuedOf<P> }[Property];

/** Options that have no effect here, or ask for what plyfs does anyway: accepted without a message. */
export interface Accepted {
  readonly kind: 'accepted';
  readonly words: readonly string[];
  /** Absent: any value, or none. `nothing`: a value is an error. */
  readonly takes?: ValueKind<unknown, unknown> | 'nothing';
  /** Absent: the help does not mention the option. */
  readonly help?: string;
  readonly dialect?: Dialect;
  readonly fuseOverlayfs?: 'ignores';
  readonly remounts?: true;
}

/** Options that plyfs knows and does not support: it prints a message, and mounts without them. */
export interface Unsupported {
  readonly kind: 'unsupported';
  readonly words: readonly string[];
  readonly dialect?: Dialect;
  /** A sign between word and value that is read besides `=`. */
  readonly separator?: ':';
  /** Values of the option that plyfs does support. */
  readonly supported?: readonly string[];
  /** Absent: a message that names the option. */
  readonly message?: string;
}

/** One entry of the table. */
export type OptionEntry = Flag | Valued | Accepted | Unsupported;
