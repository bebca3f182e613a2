/**
 * The options of the kernel's overlayfs that say which on-disk features are read and written, and what
 * becomes of them when they contradict each other: what was asked for fails, what was only the default gives
 * way (fs/overlayfs/params.c:ovl_fs_params_verify).
 */
import { Errno } from '../../core/errno.js';
import { defaultOverlay, type OverlaySettings, xattrNamespace } from '../../union/index.js';
import type { MountConfig, OverlayOptions } from './mount-config.js';
import { MountError } from './mount-error.js';

/**
 * What holds for a mount of the overlay dialect. Changes nothing.
 * @param note takes a line about what was asked for and is not so
 * @throws {@link MountError} for options that contradict each other, or that this user cannot have
 */
export function resolveOverlayOptions(config: MountConfig, note: (line: string) => void = () => {}): OverlaySettings {
  const { overlay: options, dataLayers } = config;
  const asked = options.userxattr === true;
  const xattrs = asked ? 'user' : xattrNamespace();
  const settings = { ...defaultOverlay(xattrs), dataLayers, ignoresUuid: options.uuid === false };
  // Without an upper nothing can be copied up, so that there is nothing to index (the kernel ignores it as
  // well).
  const index = options.index === true && config.upper !== undefined;
  if (xattrs === 'trusted') return { ...settings, ...settleTrusted(config), index };
  if (asked) refuseBesideUserxattr(options);
  else refuseWithoutTrusted(options, note);
  return { ...settings, index };
}

/** The aufs dialect has none of these features; options that turn one off say what is the case. */
export function refuseOverlayOptions({ overlay, dataLayers }: MountConfig): void {
  const { redirectDir, metacopy, index } = overlay;
  const why = 'the aufs dialect has no such thing';
  if (redirectDir === 'on' || redirectDir === 'follow') throw refusal('redirect_dir', redirectDir, why);
  if (metacopy === true) throw refusal('metacopy', 'on', why);
  if (index === true) throw refusal('index', 'on', why);
  if (dataLayers > 0) throw refusal('lowerdir', undefined, `data-only layers: ${why}`);
}

function settleTrusted({ overlay, upper }: MountConfig): Pick<OverlaySettings, 'redirect' | 'metacopy'> {
  const { redirectDir, metacopy = false } = overlay;
  const redirect = redirectOf(redirectDir, upper !== undefined);
  if (!metacopy || redirect === 'on') return { redirect, metacopy };
  // A file whose data is elsewhere says where by a redirect as soon as it is renamed.
  if (redirectDir === undefined) return { redirect: 'on', metacopy };
  throw refusal('metacopy', 'on', `needs redirect_dir=on, and redirect_dir=${redirectDir} was given`);
}

/** `off` writes none, and reads them as the kernel does (CONFIG_OVERLAY_FS_REDIRECT_ALWAYS_FOLLOW). */
function redirectOf(asked: OverlayOptions['redirectDir'], hasUpper: boolean): OverlaySettings['redirect'] {
  if (asked === 'nofollow' || asked === 'on') return asked;
  // What `on` adds is written to the upper.
  return hasUpper ? 'follow' : 'on';
}

/** The owner of a file could set a `user.` xattr that leads to files that the owner cannot read. */
function refuseBesideUserxattr({ redirectDir, metacopy }: OverlayOptions): void {
  const why = 'contradicts userxattr: anybody can set such attributes, so they are not followed';
  if (redirectDir !== undefined && redirectDir !== 'nofollow') throw refusal('redirect_dir', redirectDir, why);
  if (metacopy === true) throw refusal('metacopy', 'on', why);
}

/**
 * `redirect_dir=off` and `metacopy=on` are on the command lines that container tools give to fuse-overlayfs.
 */
function refuseWithoutTrusted({ redirectDir, metacopy }: OverlayOptions, note: (line: string) => void): void {
  const why = 'needs trusted. attributes, which only root has';
  if (redirectDir === 'on' || redirectDir === 'follow') {
    throw refusal('redirect_dir', redirectDir, why, Errno.EPERM);
  }
  if (metacopy === true) note(`metacopy=on ignored: ${why}`);
}

function refusal(what: string, where: string | undefined, why: string, errno: number = Errno.EINVAL): MountError {
  return MountError.of({ what, ...(where === undefined ? {} : { where }), why, errno });
}
