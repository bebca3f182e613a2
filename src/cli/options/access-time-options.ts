/** The options of mount(8) for access times in the upper. The last one given holds. */
import type { AccessTimes } from '../../core/access-times.js';
import type { MountOption, MountSettings } from './option-kinds.js';

function mode(on: AccessTimes['mode'], off: string, help: string): MountOption {
  return {
    kind: 'toggle',
    on,
    off,
    help,
    set: ({ config }, isOn) => {
      // The opposite of a mode is the kernel's default.
      if (isOn || config.accessTimes.mode === on) setTimes(config, { mode: isOn ? on : 'relatime' });
    },
  };
}

function setTimes(config: MountSettings['config'], change: Partial<AccessTimes>): void {
  config.accessTimes = { ...config.accessTimes, ...change };
}

export const ACCESS_TIME_OPTIONS: readonly MountOption[] = [
  mode(
    'relatime',
    'norelatime',
    'reading updates an access time in the upper that is older than the last change or than a day (default); never in lower layers',
  ),
  mode('strictatime', 'nostrictatime', 'each read updates it'),
  mode('noatime', 'atime', 'no read updates it'),
  {
    kind: 'toggle',
    on: 'nodiratime',
    off: 'diratime',
    help: 'listing a directory does not update its access time',
    set: ({ config }, isOn) => setTimes(config, { directories: !isOn }),
  },
];
