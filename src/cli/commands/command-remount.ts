/**
 * `plyfs mount -o remount,...`: changes the flags of an existing mount, as mount(8) does for any file system.
 */
import { readFileSync } from 'node:fs';
import { Errno } from '../../core/errno.js';
import { isServerWritable, reportRemounted } from '../../fuse/control/remount.js';
import { resolveMountpoint } from '../../server/checks/check-mountpoint.js';
import { type FlagSettings, flagsOf } from '../../server/config/mount-config.js';
import { asMountError, errnoOf, MountError } from '../../server/config/mount-error.js';
import type { OptionEntry, OptionValues } from '../../server/options/kinds/option-entry.js';
import { type GivenOption, splitOptions, unescapePath } from '../../server/options/kinds/option-list.js';
import { optionWords } from '../../server/options/option-words.js';
import { asGiven, readOptions } from '../../server/options/read-options.js';
import { resolveMount } from '../../server/options/resolve-mount.js';
import type { MountArguments } from '../../service/order/mount-arguments.js';
import { remountFs } from '../../sys/mount.js';
import { type MountEntry, mountedOn, unescaped } from '../../sys/mountinfo.js';
import { OK } from '../output/exit-status.js';

/** The advice for everything that only a new mount can change. */
const NEW_MOUNT = 'unmount it and mount it again';

/** Flags of mount(2) that have no option here, by their names in mountinfo. A remount keeps them. */
const OTHER_FLAGS: ReadonlyMap<string, number> = new Map([
  ['sync', 16],
  ['dirsync', 128],
  ['nosymfollow', 256],
  ['lazytime', 1 << 25],
]);

/**
 * Changes the flags of the mount. Returns the exit status.
 * @throws {@link MountError} if anything is refused; then nothing has changed
 */
export function commandRemount({ mountpoint: given, options }: Pick<MountArguments, 'mountpoint' | 'options'>): number {
  const mountpoint = resolveMountpoint(given);
  const entry = mountedOn(mountpoint);
  if (entry === undefined || !/^fuse\b/.test(entry.type)) {
    throw refusal(given, 'no FUSE mount is there', Errno.EINVAL, 'to make one, omit the option remount');
  }
  const before = settingsOf(entry);
  const after = withOptions(before, entry, options.flatMap(splitOptions));
  if (before.readOnly && !after.readOnly) requireWritable(mountpoint, given);
  // The server changes its access times first, because that can be undone if the kernel refuses the flags.
  const changesTimes = differInTimes(before, after);
  if (changesTimes) reportToServer(mountpoint, given, { ...after, readOnly: false });
  try {
    remountFs(mountpoint, flagsOf(after) | otherFlagsOf(entry));
  } catch (error) {
    if (changesTimes) reportRemounted(mountpoint, { ...before, readOnly: false });
    throw explained(error, given);
  }
  // The server then syncs the upper. So this message is the last step, when the kernel accepts no more
  // writes.
  if (after.readOnly && !before.readOnly) reportToServer(mountpoint, given, after);
  return OK;
}

function differInTimes({ accessTimes: one }: FlagSettings, { accessTimes: other }: FlagSettings): boolean {
  return one.mode !== other.mode || one.directories !== other.directories;
}

/** The flags of the mount that no option here can change. */
function otherFlagsOf({ options, fileSystemOptions }: MountEntry): number {
  return [...options, ...fileSystemOptions].reduce((flags, name) => flags | (OTHER_FLAGS.get(name) ?? 0), 0);
}

/** The settings that the mount table shows. */
function settingsOf({ options, fileSystemOptions }: MountEntry): FlagSettings {
  const has = (name: string): boolean => options.includes(name);
  const mode = has('noatime') ? 'noatime' : has('relatime') ? 'relatime' : 'strictatime';
  return {
    readOnly: has('ro') || fileSystemOptions.includes('ro'),
    suid: !has('nosuid'),
    dev: !has('nodev'),
    exec: !has('noexec'),
    accessTimes: { mode, directories: !has('nodiratime') },
  };
}

/**
 * Applies `options` to the flags. Throws {@link MountError} for an option that would change anything else.
 */
function withOptions(before: FlagSettings, entry: MountEntry, options: readonly GivenOption[]): FlagSettings {
  const { accessTimes, ...flags } = before;
  const values: OptionValues = {
    ...flags,
    accessTimes: accessTimes.mode,
    directoryAccessTimes: accessTimes.directories,
  };
  const words = optionWords('overlay');
  const fstabOptions = optionsInFstab(entry.mountpoint);
  for (const option of options) {
    const known = words.get(option.name)?.entry;
    const text = asGiven(option);
    if (known !== undefined && 'remounts' in known) readOptions([option], values);
    else if (!alreadyHas(entry, option, text) && !neverHasEffect(known) && !fstabOptions.has(text)) {
      throw refusal(text, 'cannot be changed while it is mounted', Errno.EINVAL, NEW_MOUNT);
    }
  }
  const { readOnly, suid, dev, exec, accessTimes: times } = resolveMount(values);
  return { readOnly, suid, dev, exec, accessTimes: times };
}

/** Whether an option changes nothing in any mount, so the help does not even mention it. */
function neverHasEffect(entry: OptionEntry | undefined): boolean {
  return entry?.kind === 'accepted' && entry.help === undefined;
}

/** Whether the mount already has this option: mount(8) repeats all options of the mount. */
function alreadyHas(
  { source, type, fileSystemOptions }: MountEntry,
  { name, value = '' }: GivenOption,
  text: string,
): boolean {
  if (name === 'fsname') return unescapePath(value) === source;
  if (name === 'subtype') return `fuse.${unescapePath(value)}` === type;
  return fileSystemOptions.includes(text);
}

/**
 * The options of the mountpoint's line in /etc/fstab. mount(8) adds them to those of its caller, so they
 * request no change. If mount(8) reads another file (-T), it does not pass the name of the file
 * to its helpers.
 */
function optionsInFstab(mountpoint: string): ReadonlySet<string> {
  const given = new Set<string>();
  for (const line of fstab().split('\n')) {
    const [, where = '', , options = ''] = line.trim().split(/\s+/);
    if (line.startsWith('#') || unescaped(where) !== mountpoint) continue;
    for (const option of splitOptions(unescaped(options))) given.add(asGiven(option));
  }
  return given;
}

/** The text of /etc/fstab; empty if there is no such file. */
function fstab(): string {
  try {
    return readFileSync('/etc/fstab', 'latin1');
  } catch (error) {
    if (errnoOf(error) === Errno.ENOENT) return '';
    throw error;
  }
}

/** Refuses `rw` for a mount whose server cannot write. */
function requireWritable(mountpoint: string, where: string): void {
  const isWritable = isServerWritable(mountpoint);
  if (isWritable === true) return;
  const why = isWritable === null ? 'its server does not report whether it can write' : 'the mount was made read-only';
  throw refusal(where, why, Errno.EROFS, NEW_MOUNT);
}

/** Tells the server the new access times, and whether the mount is read-only now. */
function reportToServer(mountpoint: string, where: string, { accessTimes, readOnly }: FlagSettings): void {
  try {
    reportRemounted(mountpoint, { accessTimes, readOnly });
  } catch (error) {
    if (errnoOf(error) !== Errno.EOPNOTSUPP) throw explained(error, where);
    // A server with the transport fuse-native does not need to know about `ro`.
    if (readOnly) return;
    throw refusal(where, 'the access time options of this mount cannot be changed', Errno.EOPNOTSUPP, NEW_MOUNT);
  }
}

/** Causes of the errnos of a remount, with advice. */
const EXPLANATIONS: ReadonlyMap<number, readonly [why: string, advice: string]> = new Map([
  [Errno.EBUSY, ['files are open for writing', 'close them first (see fuser -m)']],
  [Errno.EPERM, ["only root can change a mount's flags", NEW_MOUNT]],
]);

/** The error as a refusal, with advice if the errno is known. */
function explained(error: unknown, where: string): MountError {
  const errno = errnoOf(error);
  const [why, advice] = EXPLANATIONS.get(errno ?? 0) ?? [];
  if (errno === undefined || why === undefined || advice === undefined) return asMountError(error, 'remount');
  return refusal(where, why, errno, advice);
}

function refusal(where: string, why: string, errno: number, advice: string): MountError {
  return MountError.of({ what: 'remount', where, why, errno, advice });
}
