/**
 * The table of the options of `-o`: `apply-options.ts` parses and checks by it, and the help is made from it.
 */
import { DEFAULT_MAX_LAYERS, HIGHEST_MAX_LAYERS, type MountConfig } from '../../server/config/mount-config.js';
import { ACCESS_TIME_OPTIONS } from './access-time-options.js';
import type { MountOption, Toggle } from './option-kinds.js';
import { unescapePath } from './option-list.js';
import { invalid, parseChoice, parseLayers, parseNumber, parsePath } from './option-value.js';
import { OVERLAY_OPTIONS } from './overlay-options.js';
import { OWNERSHIP_OPTIONS } from './ownership-options.js';

export const MOUNT_OPTIONS: readonly MountOption[] = [
  {
    kind: 'value',
    name: 'lowerdir',
    placeholder: 'DIR[:DIR...]',
    help: 'the lower layers, top first; a colon, comma or backslash in a path is written \\: \\, \\\\',
    set: ({ config }, value) => {
      const { layers, dataLayers } = parseLayers(value);
      config.lowers = layers;
      config.dataLayers = dataLayers;
    },
  },
  {
    kind: 'value',
    name: 'lowerdir+',
    again: 'adds',
    placeholder: 'DIR',
    help: 'one more lower layer below those given so far, instead of lowerdir; the path as it is, without escapes',
    set: ({ config }, value) => addLayer(config, 'lowerdir+', value),
  },
  {
    kind: 'value',
    name: 'datadir+',
    again: 'adds',
    placeholder: 'DIR',
    help: 'one more data-only layer, after all lowerdir+; lowerdir=DIR::DATA[::DATA...] means the same',
    set: ({ config }, value) => addLayer(config, 'datadir+', value),
  },
  {
    kind: 'value',
    name: 'upperdir',
    placeholder: 'DIR',
    help: 'the writable layer; without it the mount is read-only',
    set: ({ config }, value) => {
      config.upper = parsePath('upperdir', value);
    },
  },
  {
    kind: 'value',
    name: 'workdir',
    placeholder: 'DIR',
    help: 'where changes are prepared: on the same mount as upperdir, and not inside it',
    set: ({ config }, value) => {
      config.work = parsePath('workdir', value);
    },
  },
  toggle('ro', 'rw', 'mount read-only, even with an upperdir', ({ config }, on) => {
    config.readOnly = on;
  }),
  toggle(
    'suid',
    'nosuid',
    'honour set-user-id, set-group-id and file capabilities (default for root)',
    (settings, on) => {
      settings.config.suid = on;
    },
  ),
  toggle('dev', 'nodev', 'let device files work (default for root)', ({ config }, on) => {
    config.dev = on;
  }),
  toggle('exec', 'noexec', 'let programs run (default)', ({ config }, on) => {
    config.exec = on;
  }),
  ...ACCESS_TIME_OPTIONS,
  toggle('allow_other', undefined, 'let other users in (default for root)', ({ config }, on) => {
    config.allowOther = on;
  }),
  toggle('default_permissions', undefined, 'accepted; the kernel always checks permissions', () => {}),
  toggle(
    'volatile',
    undefined,
    'fsync does nothing, and the upper, which a crash can leave incomplete, cannot be mounted again',
    ({ config }, on) => {
      config.volatile = on;
    },
  ),
  {
    kind: 'value',
    name: 'fsync',
    placeholder: '0|1|auto|volatile',
    help: '0: fsync does nothing, and nothing says so later; 1, auto (default): it reaches the disk; volatile',
    set: ({ config }, value) => {
      const chosen = parseChoice('fsync', value, { 0: 'none', 1: 'disk', auto: 'disk', volatile: 'volatile' } as const);
      config.fsync = chosen !== 'none';
      if (chosen === 'volatile') config.volatile = true;
    },
  },
  ...OVERLAY_OPTIONS,
  ...OWNERSHIP_OPTIONS,
  {
    kind: 'value',
    name: 'xattr_permissions',
    placeholder: '0|1|2',
    help: 'owners, modes and devices are kept in xattrs, and files are physically ours: 1 in security., 2 in user. xattrs',
    set: ({ config }, value) => {
      const overrides = parseChoice('xattr_permissions', value, { 0: null, 1: 'privileged', 2: 'user' } as const);
      if (overrides !== null) config.overrides = overrides;
    },
  },
  {
    kind: 'value',
    name: 'timeout',
    placeholder: 'SECONDS',
    help: 'how long the kernel may keep names and attributes (default: for ever, as nobody else changes the layers)',
    set: ({ config }, value) => {
      config.timeout = parseNumber('timeout', value, { max: 1e9 });
    },
  },
  {
    kind: 'value',
    name: 'max_layers',
    placeholder: 'N',
    help: `how many lower layers are accepted (default ${DEFAULT_MAX_LAYERS}, at most ${HIGHEST_MAX_LAYERS})`,
    set: ({ config }, value) => {
      config.maxLayers = parseNumber('max_layers', value, { min: 1, max: HIGHEST_MAX_LAYERS, whole: true });
    },
  },
  {
    kind: 'value',
    name: 'passthrough',
    placeholder: 'auto|off',
    help: 'auto (default): the kernel reads and writes backing files itself where it can',
    set: ({ config }, value) => {
      config.passthrough = parseChoice('passthrough', value, { auto: 'auto', off: 'off' } as const);
    },
  },
  {
    kind: 'value',
    name: 'transport',
    placeholder: 'direct|fuse-native',
    help: "direct (default): the kernel's FUSE protocol; fuse-native: libfuse 2, with limits (docs/transports.md)",
    set: ({ config }, value) => {
      config.transport = parseChoice('transport', value, { direct: 'direct', 'fuse-native': 'fuse-native' } as const);
    },
  },
  {
    kind: 'value',
    name: 'request_timeout',
    placeholder: 'SECONDS',
    help: 'fuse-native: a request that makes no progress for so long is given up (default 300)',
    set: ({ config }, value) => {
      config.requestTimeout = parseNumber('request_timeout', value, { min: 0.1, max: 1e6 });
    },
  },
  {
    kind: 'value',
    name: 'fsname',
    placeholder: 'NAME',
    help: 'the source shown in /proc/mounts (default: SOURCE, or plyfs)',
    set: ({ config }, value) => {
      config.fsname = unescapePath(value);
    },
  },
  {
    kind: 'value',
    name: 'subtype',
    placeholder: 'NAME',
    help: 'the type shown in /proc/mounts is fuse.NAME (default plyfs)',
    set: ({ config }, value) => {
      config.subtype = unescapePath(value);
    },
  },
  {
    kind: 'value',
    name: 'log',
    placeholder: 'FILE',
    help: 'append the log of a mount in the background to FILE (default: syslog)',
    set: (settings, value) => {
      settings.logFile = parsePath('log', value);
    },
  },
  toggle(
    'remount',
    undefined,
    'change an existing mount: ro, rw (if it was mounted rw), suid, dev, exec and access times; nothing else',
    () => {},
  ),
  toggle('debug', undefined, 'stay in the foreground and print every request', ({ config }, on) => {
    config.debug = on;
  }),
];

function toggle(on: string, off: string | undefined, help: string, set: Toggle['set']): Toggle {
  return { kind: 'toggle', on, ...(off === undefined ? {} : { off }), help, set };
}

/** One layer by its path, which is taken as it is: the kernel unescapes no `lowerdir+` either. */
function addLayer(config: MountConfig, name: 'lowerdir+' | 'datadir+', path: string): void {
  if (path === '') throw invalid(name, undefined, 'empty path');
  const isData = name === 'datadir+';
  if (isData && config.lowers.length === 0) throw invalid(name, path, 'needs a lowerdir+ before it');
  if (!isData && config.dataLayers > 0) throw invalid(name, path, 'comes after a datadir+');
  config.lowers.push(path);
  if (isData) config.dataLayers++;
}

/** Options that have no meaning here, or ask for what plyfs does anyway: accepted without a message. */
export const SILENT: ReadonlyMap<string, RegExp | undefined> = new Map([
  // Whose rights count on the layers: always those of the process that serves the mount.
  ['override_creds', undefined],
  ['nooverride_creds', undefined],
  // mount(8) propagation, given by buildah: a new mount is private or shared as its parent is.
  ['private', undefined],
  // SELinux's label for all files: a FUSE mount has the one that its policy gives it.
  ['context', undefined],
  // How fuse-overlayfs and libfuse do their work.
  ...[
    'threaded',
    'writeback',
    'fast_ino',
    'kernel_cache',
    'max_write',
    'splice_read',
    'splice_write',
    'splice_move',
  ].map((name) => [name, undefined] as const),
  // Options of fstab(5); and lazytime, which only the file system of the upper could follow.
  ...['defaults', 'auto', 'noauto', 'user', 'nofail', '_netdev', 'async'].map((name) => [name, undefined] as const),
  ...['lazytime', 'nolazytime'].map((name) => [name, undefined] as const),
]);

/** The table as lines of help. */
export function describeOptions(): string {
  return MOUNT_OPTIONS.map((option) => {
    const start = `  ${spelling(option)}`.padEnd(26);
    return `${start.length > 26 ? `${start}\n${' '.repeat(26)}` : start} ${option.help}`;
  }).join('\n');
}

function spelling(option: MountOption): string {
  if (option.kind === 'value') return `${option.name}=${option.placeholder}`;
  return option.off === undefined ? option.on : `${option.on}, ${option.off}`;
}
