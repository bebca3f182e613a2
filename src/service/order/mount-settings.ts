/** The settings of a mount in the background, which cross to the process that serves it as JSON. */
import type { MountConfig } from '../../server/config/mount-config.js';
import type { ServiceUse } from '../../server/options/kinds/option-entry.js';
import {
  BOOLEAN,
  type Check,
  checkProperties,
  listOf,
  numberBetween,
  objectWith,
  oneOf,
  parseJson,
  required,
  TEXT,
} from '../../server/options/kinds/property-checks.js';

/** The settings of a mount in the background, as the launcher writes them to the daemon's stdin. */
export interface MountSettings {
  readonly config: MountConfig;
  /** The file for the daemon's log lines, as bytes; absent: they are sent to syslog. */
  readonly logFile?: string;
  /** Absent: `auto`. */
  readonly service?: ServiceUse;
}

const NUMBER = required(numberBetween(0, Number.MAX_SAFE_INTEGER));
const FLAG = required(BOOLEAN);
const STRING = required(TEXT);
const OBJECT: Check<object> = {
  mustBe: 'an object',
  holds: (value): value is object => typeof value === 'object' && value !== null,
};

/** The checks of each property of the config. Groups of properties are only checked to be objects. */
const CONFIG_CHECKS = {
  dialect: required(oneOf(['overlay', 'aufs'])),
  aufs: required(OBJECT),
  overlay: OBJECT,
  lowers: required(listOf(TEXT, 'strings')),
  dataLayers: NUMBER,
  upper: TEXT,
  work: TEXT,
  mountpoint: STRING,
  deviceFd: numberBetween(0, Number.MAX_SAFE_INTEGER),
  readOnly: FLAG,
  suid: FLAG,
  dev: FLAG,
  exec: FLAG,
  accessTimes: required(OBJECT),
  allowOther: FLAG,
  ownership: OBJECT,
  markersInUpper: BOOLEAN,
  overrides: oneOf(['privileged', 'user']),
  volatile: FLAG,
  fsync: FLAG,
  passthrough: required(oneOf(['auto', 'off'])),
  transport: required(oneOf(['direct', 'fuse-native'])),
  requestTimeout: NUMBER,
  timeout: NUMBER,
  maxLayers: NUMBER,
  fsname: STRING,
  subtype: STRING,
  debug: FLAG,
} satisfies Record<keyof MountConfig, Check>;

/**
 * Parses the settings that the JSON `text` contains.
 * @throws {@link MountError} if it contains none, because another program has written it
 */
export function parseSettings(text: string): MountSettings {
  const settings = parseJson('daemon', text);
  checkProperties('daemon', settings, { config: required(objectWith(CONFIG_CHECKS)), logFile: TEXT, service: TEXT });
  return settings as MountSettings;
}
