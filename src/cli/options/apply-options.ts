/** Applies the options of `-o` to the settings of a mount. */
import { Errno } from '../../core/errno.js';
import type { OverlayOptions } from '../../server/config/mount-config.js';
import { MountError, printable } from '../../server/config/mount-error.js';
import { MOUNT_OPTIONS, SILENT } from './mount-options.js';
import type { MountSettings, Toggle, Valued } from './option-kinds.js';
import type { GivenOption } from './option-list.js';
import { invalid } from './option-value.js';
import { resolveOwnership } from './ownership-options.js';

/**
 * Whose rules the command line follows. `plyfs` refuses options that contradict each other. `fuse-overlayfs`
 * ignores a wrong value of an option of the kernel's overlayfs that the program fuse-overlayfs ignores:
 * container engines append such options to those of their user. In this form the last of several values
 * holds. Of two contradicting options the one holds that promises less.
 */
export type CommandLineForm = 'plyfs' | 'fuse-overlayfs';

/** Options that were given and have no effect. */
export interface IgnoredOptions {
  /** As given, each once. They are no error: container tools also pass options of other programs. */
  readonly unknown: readonly string[];
  /** For each known option that is ignored, the message why; only in the form `fuse-overlayfs`. */
  readonly refused: readonly string[];
}

const TOGGLES = new Map<string, { readonly option: Toggle; readonly on: boolean }>();
const VALUED = new Map<string, Valued>();
for (const option of MOUNT_OPTIONS) {
  if (option.kind === 'value') {
    VALUED.set(option.name, option);
    continue;
  }
  TOGGLES.set(option.on, { option, on: true });
  if (option.off !== undefined) TOGGLES.set(option.off, { option, on: false });
}

/**
 * Applies options in their order.
 * @throws {@link MountError} for a value that is wrong, and in the form `plyfs` for a contradiction
 */
export function applyOptions(
  options: readonly GivenOption[],
  settings: MountSettings,
  form: CommandLineForm = 'plyfs',
): IgnoredOptions {
  const unknown = new Set<string>();
  const refused: string[] = [];
  const values = new Map<string, string>();
  for (const option of options) {
    try {
      if (!applyOption(option, settings, values, form)) unknown.add(asGiven(option));
    } catch (error) {
      if (form === 'plyfs' || !isForeign(option) || !isInvalid(error)) throw error;
      refused.push(error.message);
    }
  }
  const added = ['lowerdir+', 'datadir+'].find((name) => values.has(name));
  if (added !== undefined && values.has('lowerdir')) throw invalid(added, values.get(added), 'contradicts lowerdir');
  if (form === 'plyfs') refuseContradictions(settings, values);
  else refused.push(...withoutContradictions(settings.config.overlay));
  if (form === 'fuse-overlayfs' && options.some(isReadOnly)) settings.config.readOnly = true;
  resolveOwnership(settings);
  return { unknown: [...unknown], refused };
}

/**
 * Throws if `volatile` is given with another `fsync`. In the form `fuse-overlayfs` `volatile` holds: it
 * promises less.
 */
function refuseContradictions({ config }: MountSettings, values: ReadonlyMap<string, string>): void {
  const fsync = values.get('fsync');
  if (config.volatile && fsync !== undefined && fsync !== 'volatile') {
    throw invalid('fsync', fsync, 'contradicts volatile');
  }
}

/**
 * Turns `metacopy=on` off if `resolveOverlayOptions` would refuse it because of another option; returns the
 * message why.
 */
function withoutContradictions(asked: OverlayOptions): string[] {
  const { metacopy, userxattr, redirectDir } = asked;
  if (metacopy !== true) return [];
  const other = userxattr === true ? 'userxattr' : `redirect_dir=${redirectDir ?? 'on'}`;
  if (other === 'redirect_dir=on') return [];
  asked.metacopy = false;
  return [invalid('metacopy', 'on', `contradicts ${other}`).message];
}

/** Returns false if the option is unknown. */
function applyOption(
  given: GivenOption,
  settings: MountSettings,
  values: Map<string, string>,
  form: CommandLineForm,
): boolean {
  const { name, value } = given;
  const valued = VALUED.get(name);
  if (valued !== undefined) {
    setValue(valued, value, settings, values, form);
    return true;
  }
  const switched = TOGGLES.get(name);
  if (switched === undefined) return SILENT.has(name) && (SILENT.get(name)?.test(value ?? '') ?? true);
  if (value === undefined) {
    switched.option.set(settings, switched.on);
    return true;
  }
  if (form === 'fuse-overlayfs') return false; // That program knows the option only without a value.
  throw invalid(name, undefined, `takes no value, and was given ${printable(value)}`);
}

/** fuse-overlayfs does not know `rw`: with `ro` beside it, in whatever order, its mount is read-only. */
function isReadOnly({ name, value }: GivenOption): boolean {
  return name === 'ro' && value === undefined;
}

function isForeign({ name }: GivenOption): boolean {
  return (VALUED.get(name) ?? TOGGLES.get(name)?.option)?.isForeign === true;
}

function isInvalid(error: unknown): error is MountError {
  return error instanceof MountError && error.errno === Errno.EINVAL;
}

function setValue(
  { name, placeholder, again, set }: Valued,
  value: string | undefined,
  settings: MountSettings,
  values: Map<string, string>,
  form: CommandLineForm,
): void {
  if (value === undefined) throw invalid(name, undefined, `needs a value: ${name}=${placeholder}`);
  const earlier = values.get(name);
  if (form === 'plyfs' && earlier !== undefined && earlier !== value && again === undefined) {
    throw invalid(name, value, `given twice, first as ${printable(earlier)}`);
  }
  values.set(name, value);
  set(settings, value);
}

function asGiven({ name, value }: GivenOption): string {
  return value === undefined ? name : `${name}=${value}`;
}
