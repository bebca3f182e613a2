/** Options of the mount as a whole: those of mount(8), of FUSE, and of plyfs itself. */
import { DEFAULT_MAX_LAYERS, FOREVER, HIGHEST_MAX_LAYERS } from '../../config/mount-config.js';
import type { OptionEntry } from '../kinds/option-entry.js';
import { BOOLEAN } from '../kinds/property-checks.js';
import { choice, name, number, path, text } from '../kinds/value-kinds.js';

/** The default of `request_timeout`, in seconds, and its limits. */
const REQUEST_TIMEOUT = 300;
const SHORTEST_REQUEST_TIMEOUT = 0.1;
const LONGEST_REQUEST_TIMEOUT = 1e6;

/** The default of a flag that only root has. */
const asRoot = (isRoot: boolean): boolean => isRoot;

/** Flags of mount(8), access by other users, and fsync. */
export const FLAG_OPTIONS = [
  {
    kind: 'flag',
    word: 'ro',
    opposite: 'rw',
    property: 'readOnly',
    value: true,
    oppositeValue: false,
    default: false,
    remounts: true,
    help: 'mount read-only (even with an upperdir), or read-write',
  },
  {
    kind: 'flag',
    word: 'suid',
    opposite: 'nosuid',
    property: 'suid',
    value: true,
    oppositeValue: false,
    default: asRoot,
    remounts: true,
    help: 'honour set-user-id, set-group-id and file capabilities (default for root)',
  },
  {
    kind: 'flag',
    word: 'dev',
    opposite: 'nodev',
    property: 'dev',
    value: true,
    oppositeValue: false,
    default: asRoot,
    remounts: true,
    help: 'let device files work (default for root)',
  },
  {
    kind: 'flag',
    word: 'exec',
    opposite: 'noexec',
    property: 'exec',
    value: true,
    oppositeValue: false,
    default: true,
    remounts: true,
    help: 'let programs run (default)',
  },
  {
    kind: 'flag',
    word: 'relatime',
    opposite: 'norelatime',
    property: 'accessTimes',
    value: 'relatime',
    default: 'relatime',
    remounts: true,
    help: 'reading updates an access time in the upper that is older than the last change or than a day (default); never in lower layers',
  },
  {
    kind: 'flag',
    word: 'strictatime',
    opposite: 'nostrictatime',
    property: 'accessTimes',
    value: 'strictatime',
    remounts: true,
    help: 'each read updates the access time',
  },
  {
    kind: 'flag',
    word: 'noatime',
    opposite: 'atime',
    property: 'accessTimes',
    value: 'noatime',
    remounts: true,
    help: 'no read updates the access time',
  },
  {
    kind: 'flag',
    word: 'nodiratime',
    opposite: 'diratime',
    property: 'directoryAccessTimes',
    value: false,
    oppositeValue: true,
    default: true,
    remounts: true,
    help: 'listing a directory does not update its access time',
  },
  {
    kind: 'flag',
    word: 'allow_other',
    property: 'allowOther',
    value: true,
    default: asRoot,
    help: 'let other users access the mount (default for root)',
  },
  {
    kind: 'accepted',
    words: ['default_permissions'],
    takes: 'nothing',
    help: 'accepted; the kernel always checks permissions',
  },
  {
    kind: 'flag',
    word: 'volatile',
    property: 'volatile',
    value: true,
    default: false,
    help: 'fsync does nothing; a crash can leave the upper incomplete, so it is not mounted again until its mark in workdir is removed',
  },
  {
    kind: 'value',
    word: 'fsync',
    property: 'fsync',
    takes: { ...choice({ 0: false, 1: true, auto: true, volatile: 'volatile' } as const), check: BOOLEAN },
    default: true,
    help: '0: fsync does nothing and leaves no mark; 1, auto (default): fsync writes to disk; volatile: same as the volatile option',
  },
] as const satisfies readonly OptionEntry[];

/** The other options of a mount: those of FUSE, and those of plyfs itself. */
export const SERVER_OPTIONS = [
  {
    kind: 'value',
    word: 'xattr_permissions',
    property: 'xattrPermissions',
    takes: choice({ 0: 'auto', 1: 'privileged', 2: 'user' } as const),
    help: '1, 2: keep owners, modes and devices in xattrs (1: security., 2: user.), and let the files themselves belong to the user who mounts; 0 (default): as earlier mounts of the upper did',
  },
  {
    kind: 'value',
    word: 'timeout',
    property: 'timeout',
    takes: number({ placeholder: 'SECONDS', max: FOREVER }),
    default: FOREVER,
    help: `how long the kernel may keep names and attributes, from 0 to ${FOREVER} (default: forever, since nothing else should change the layers)`,
  },
  {
    kind: 'value',
    word: 'max_layers',
    property: 'maxLayers',
    takes: number({ placeholder: 'N', min: 1, max: HIGHEST_MAX_LAYERS, whole: true }),
    default: DEFAULT_MAX_LAYERS,
    help: `how many lower layers are accepted (default ${DEFAULT_MAX_LAYERS}, at most ${HIGHEST_MAX_LAYERS})`,
  },
  {
    kind: 'value',
    word: 'passthrough',
    property: 'passthrough',
    takes: choice({ auto: 'auto', off: 'off' } as const),
    default: 'auto',
    help: 'auto (default): the kernel reads and writes backing files itself where it can',
  },
  {
    kind: 'value',
    word: 'transport',
    property: 'transport',
    takes: choice({ direct: 'direct', 'fuse-native': 'fuse-native' } as const),
    default: 'direct',
    help: "direct (default): the kernel's FUSE protocol; fuse-native: libfuse 2, with limits (docs/transports.md)",
  },
  {
    kind: 'value',
    word: 'request_timeout',
    property: 'requestTimeout',
    takes: number({ placeholder: 'SECONDS', min: SHORTEST_REQUEST_TIMEOUT, max: LONGEST_REQUEST_TIMEOUT }),
    default: REQUEST_TIMEOUT,
    help: `fuse-native: a request that makes no progress for this long is abandoned (default ${REQUEST_TIMEOUT}, from ${SHORTEST_REQUEST_TIMEOUT} to ${LONGEST_REQUEST_TIMEOUT})`,
  },
  {
    kind: 'value',
    word: 'fsname',
    property: 'fsname',
    // mount(2) refuses an empty source.
    takes: name('NAME'),
    default: 'plyfs',
    help: 'the source shown in /proc/mounts (default: SOURCE, or plyfs)',
  },
  {
    kind: 'value',
    word: 'subtype',
    property: 'subtype',
    takes: text('NAME'),
    default: 'plyfs',
    help: 'the type shown in /proc/mounts is fuse.NAME (default plyfs)',
  },
  {
    kind: 'value',
    word: 'log',
    property: 'logFile',
    takes: path('FILE', 'file'),
    library: false,
    help: 'append the log of a mount in the background to FILE (default: syslog)',
  },
  {
    kind: 'value',
    word: 'service',
    property: 'service',
    takes: choice({ auto: 'auto', off: 'off', required: 'required', start: 'start' } as const),
    help: 'whether `plyfs serve` serves the mount. auto (default): if it runs and can; off: never; required: the mount is refused otherwise; start: it is started if it does not run',
  },
  {
    kind: 'accepted',
    words: ['remount'],
    takes: 'nothing',
    remounts: true,
    help: 'change an existing mount: ro, rw (if it was mounted rw), suid, dev, exec and access times; nothing else',
  },
  {
    kind: 'flag',
    word: 'debug',
    property: 'debug',
    value: true,
    default: false,
    help: 'stay in the foreground and print every request',
  },
] as const satisfies readonly OptionEntry[];

/** Options that other programs are given. The help does not mention them. */
export const ACCEPTED_OPTIONS = [
  // Selects the rights that count on the layers: always those of the process that serves the mount.
  { kind: 'accepted', words: ['override_creds', 'nooverride_creds'] },
  // mount(8) propagation, given by buildah: a new mount is private or shared as its parent is.
  { kind: 'accepted', words: ['private'] },
  // SELinux's label for all files: a FUSE mount has the one that its policy gives it.
  { kind: 'accepted', words: ['context'] },
  // How fuse-overlayfs and libfuse do their work.
  { kind: 'accepted', words: ['threaded', 'writeback', 'fast_ino', 'kernel_cache', 'max_write'] },
  { kind: 'accepted', words: ['splice_read', 'splice_write', 'splice_move'] },
  // Options of fstab(5); and lazytime, which only the file system of the upper could follow.
  { kind: 'accepted', words: ['defaults', 'auto', 'noauto', 'user', 'nofail', '_netdev', 'async'] },
  { kind: 'accepted', words: ['lazytime', 'nolazytime'] },
] as const satisfies readonly OptionEntry[];
