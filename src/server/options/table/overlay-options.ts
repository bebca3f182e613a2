/**
 * Options of the kernel's overlayfs, by its own words (Documentation/filesystems/overlayfs.rst,
 * fs/overlayfs/params.c). Of several values the last one holds, as in the kernel: container engines append
 * the options of their user to their own.
 */
import type { OptionEntry } from '../kinds/option-entry.js';
import { choice, ON_OFF } from '../kinds/value-kinds.js';

export const OVERLAY_OPTIONS = [
  {
    kind: 'value',
    word: 'redirect_dir',
    property: 'redirectDir',
    dialect: 'overlay',
    takes: choice({ on: 'on', follow: 'follow', nofollow: 'nofollow', off: 'off' } as const),
    again: 'holds',
    // No `fuseOverlayfs`: that program refuses every value but off.
    help: 'on: directories of lower layers can be renamed, by redirects; off (default), follow: redirects in the layers are followed, and none are made; nofollow: they are not followed either',
  },
  {
    kind: 'value',
    word: 'metacopy',
    property: 'metacopy',
    dialect: 'overlay',
    takes: ON_OFF,
    again: 'holds',
    fuseOverlayfs: 'ignores',
    help: 'on: chmod, chown and the like of a lower file copy no data (implies redirect_dir=on); default off',
  },
  {
    kind: 'value',
    word: 'index',
    property: 'index',
    dialect: 'overlay',
    takes: ON_OFF,
    again: 'holds',
    fuseOverlayfs: 'ignores',
    help: 'on: hard links of a lower file stay one file when it is copied up; default off',
  },
  {
    kind: 'accepted',
    words: ['xino'],
    takes: choice({ on: 'on', off: 'off', auto: 'auto' }),
    fuseOverlayfs: 'ignores',
    help: 'accepted; inode numbers are unique and constant in any case',
  },
  {
    kind: 'value',
    word: 'uuid',
    property: 'uuid',
    dialect: 'overlay',
    takes: choice({ null: true, off: false, auto: true }, { on: 'a FUSE mount has no file system id that lasts' }),
    again: 'holds',
    fuseOverlayfs: 'ignores',
    help: 'auto (default), null: a copy records the file system of its origin; off: not if all layers are on one; on is refused',
  },
  {
    kind: 'accepted',
    words: ['nfs_export'],
    takes: choice({ off: 'off' }, { on: 'file handles of a FUSE mount do not outlive its server' }),
    fuseOverlayfs: 'ignores',
    help: 'on is refused: file handles of a FUSE mount do not outlive its server',
  },
  {
    kind: 'accepted',
    words: ['verity'],
    takes: choice(
      { off: 'off' },
      { on: 'digests of fs-verity are not checked', require: 'digests of fs-verity are not checked' },
    ),
    fuseOverlayfs: 'ignores',
    help: 'on and require are refused: digests of fs-verity are not checked',
  },
  {
    kind: 'flag',
    word: 'userxattr',
    property: 'userxattr',
    dialect: 'overlay',
    value: true,
    fuseOverlayfs: 'ignores',
    help: 'keep private attributes in user. xattrs (default without root) instead of trusted. ones (default for root)',
  },
] as const satisfies readonly OptionEntry[];
