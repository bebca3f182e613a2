/**
 * Resolves the options for on-disk features of the kernel's overlayfs. If two contradict each other, the
 * mount fails if both were given; a default yields (fs/overlayfs/params.c:ovl_fs_params_verify).
 */
import { Errno } from '../../core/errno.js';
import { defaultOverlay, type OverlaySettings, xattrNamespace } from '../../union/index.js';
import type { MountConfig } from '../config/mount-config.js';
import { MountError } from '../config/mount-error.js';
import type { OptionValues } from './kinds/option-entry.js';

type Layers = Pick<MountConfig, 'upper' | 'dataLayers'>;

/**
 * Makes the settings of a mount of the overlay dialect.
 * @param note receives a line about an option that is ignored
 * @throws {@link MountError} for options that contradict each other, or that this user cannot use
 */
export function resolveOverlay(
  asked: OptionValues,
  { upper, dataLayers }: Layers,
  note: (line: string) => void,
): OverlaySettings {
  const hasUpper = upper !== undefined;
  const userxattr = asked.userxattr === true;
  const xattrs = userxattr ? 'user' : xattrNamespace();
  const settings = { ...defaultOverlay(xattrs), dataLayers, ignoresUuid: asked.uuid === false };
  // Without an upper nothing can be copied up, so there is nothing to index. The kernel ignores it as well.
  const index = asked.index === true && hasUpper;
  if (xattrs === 'trusted') return { ...settings, ...withTrusted(asked, hasUpper), index };
  if (userxattr) refuseBesideUserxattr(asked);
  else refuseWithoutTrusted(asked, note);
  return { ...settings, index };
}

/**
 * The aufs dialect has none of these features, and no private attributes. An option that asks for its default
 * is accepted.
 */
export function refuseOverlayOptions(
  { redirectDir, metacopy, index, uuid, userxattr }: OptionValues,
  { dataLayers }: Layers,
): void {
  const why = 'the aufs dialect does not have this feature';
  if (redirectDir === 'on' || redirectDir === 'follow') throw refusal('redirect_dir', redirectDir, why);
  if (metacopy === true) throw refusal('metacopy', 'on', why);
  if (index === true) throw refusal('index', 'on', why);
  if (uuid === false) throw refusal('uuid', 'off', why);
  if (userxattr === true) throw refusal('userxattr', undefined, why);
  if (dataLayers > 0) throw refusal('lowerdir', undefined, `data-only layers: ${why}`);
}

/** The settings of a mount that keeps its attributes in `trusted.`. */
function withTrusted(
  { redirectDir, metacopy = false }: OptionValues,
  hasUpper: boolean,
): Pick<OverlaySettings, 'redirect' | 'metacopy'> {
  const redirect = redirectOf(redirectDir, hasUpper);
  if (!metacopy || redirect === 'on') return { redirect, metacopy };
  // When a file whose data is in another layer is renamed, a redirect leads to the data.
  if (redirectDir === undefined) return { redirect: 'on', metacopy };
  throw refusal('metacopy', 'on', `needs redirect_dir=on, and redirect_dir=${redirectDir} was given`);
}

/**
 * `off` makes no redirects, and follows existing ones as the kernel does
 * (CONFIG_OVERLAY_FS_REDIRECT_ALWAYS_FOLLOW).
 */
function redirectOf(asked: OptionValues['redirectDir'], hasUpper: boolean): OverlaySettings['redirect'] {
  if (asked === 'nofollow' || asked === 'on') return asked;
  // Without an upper nothing is written, so `on` means the same as `follow`, and metacopy is possible with
  // `on`.
  return hasUpper ? 'follow' : 'on';
}

/** The owner of a file could set a `user.` xattr that leads to files that the owner cannot read. */
function refuseBesideUserxattr({ redirectDir, metacopy }: OptionValues): void {
  const why = 'contradicts userxattr: any user can set such attributes, so they are not followed';
  if (redirectDir !== undefined && redirectDir !== 'nofollow') throw refusal('redirect_dir', redirectDir, why);
  if (metacopy === true) throw refusal('metacopy', 'on', why);
}

/** Container tools give `redirect_dir=off` and `metacopy=on` to fuse-overlayfs, so these two do not fail. */
function refuseWithoutTrusted({ redirectDir, metacopy }: OptionValues, note: (line: string) => void): void {
  const why = 'needs trusted. attributes, which only root has';
  if (redirectDir === 'on' || redirectDir === 'follow') {
    throw refusal('redirect_dir', redirectDir, why, Errno.EPERM);
  }
  if (metacopy === true) note(`metacopy=on ignored: ${why}`);
}

function refusal(what: string, where: string | undefined, why: string, errno: number = Errno.EINVAL): MountError {
  return MountError.of({ what, ...(where === undefined ? {} : { where }), why, errno });
}
