/**
 * Options of the kernel's overlayfs, by its own words (Documentation/filesystems/overlayfs.rst,
 * fs/overlayfs/params.c).
 */
import type { OverlayOptions } from '../../server/config/mount-config.js';
import type { MountOption, MountSettings } from './option-kinds.js';
import { invalid, parseChoice } from './option-value.js';

const SWITCH = { on: true, off: false } as const;

export const OVERLAY_OPTIONS: readonly MountOption[] = [
  feature('redirect_dir', 'on|follow|nofollow|off', {
    isForeign: false, // fuse-overlayfs refuses every value but off.
    help: 'on: directories of lower layers can be renamed; off (default), follow: read only; nofollow: not read',
    set: (asked, value) => {
      asked.redirectDir = parseChoice('redirect_dir', value, {
        on: 'on',
        follow: 'follow',
        nofollow: 'nofollow',
        off: 'off',
      } as const);
    },
  }),
  feature('metacopy', 'on|off', {
    help: 'on: chmod, chown and the like of a lower file copy no data (implies redirect_dir=on); default off',
    set: (asked, value) => {
      asked.metacopy = parseChoice('metacopy', value, SWITCH);
    },
  }),
  feature('index', 'on|off', {
    help: 'on: hard links of a lower file stay one file when it is copied up; default off',
    set: (asked, value) => {
      asked.index = parseChoice('index', value, SWITCH);
    },
  }),
  feature('xino', 'on|off|auto', {
    help: 'accepted; inode numbers are unique and constant in any case',
    set: (_, value) => parseChoice('xino', value, { on: 'on', off: 'off', auto: 'auto' }),
  }),
  feature('uuid', 'null|off|auto', {
    help: 'off: copies do not say on which file system their origin is, if there is but one; on is refused',
    set: (asked, value) => {
      if (value === 'on') throw invalid('uuid', value, 'a FUSE mount has no file system id that lasts');
      asked.uuid = parseChoice('uuid', value, { null: true, off: false, auto: true });
    },
  }),
  feature('nfs_export', 'off', {
    help: 'on is refused: file handles of a FUSE mount do not outlive its server',
    set: (_, value) => {
      if (value === 'on') throw invalid('nfs_export', value, 'file handles of a FUSE mount do not outlive its server');
      parseChoice('nfs_export', value, { off: 'off' });
    },
  }),
  feature('verity', 'off', {
    help: 'on and require are refused: digests of fs-verity are not checked',
    set: (_, value) => {
      if (value === 'on' || value === 'require') throw invalid('verity', value, 'digests of fs-verity are not checked');
      parseChoice('verity', value, { off: 'off' });
    },
  }),
  {
    kind: 'toggle',
    on: 'userxattr',
    isForeign: true,
    help: 'keep private attributes in user., as is the default for all but root (who keeps them in trusted.)',
    set: ({ config }) => {
      config.overlay.userxattr = true;
    },
  },
];

interface Feature {
  readonly help: string;
  /** Default: true. */
  readonly isForeign?: boolean;
  readonly set: (asked: OverlayOptions, value: string) => void;
}

/**
 * The last one given holds, as in the kernel: tools append what the user wants to what they want themselves.
 */
function feature(name: string, placeholder: string, { help, isForeign = true, set }: Feature): MountOption {
  return {
    kind: 'value',
    name,
    again: 'holds',
    placeholder,
    help,
    ...(isForeign ? { isForeign } : {}),
    set: ({ config }: MountSettings, value: string) => set(config.overlay, value),
  };
}
