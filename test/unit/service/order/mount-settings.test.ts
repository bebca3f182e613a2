import { describe, expect, it } from 'vitest';
import type { OptionValues } from '../../../../src/server/options/kinds/option-entry.js';
import { splitOptions } from '../../../../src/server/options/kinds/option-list.js';
import { readOptions } from '../../../../src/server/options/read-options.js';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';
import { type MountSettings, parseSettings } from '../../../../src/service/order/mount-settings.js';

function settings(list: string, dialect: 'overlay' | 'aufs' = 'overlay'): MountSettings {
  const values: OptionValues = { dialect, mountpoint: '/m\xff' };
  readOptions(splitOptions(list), values);
  return { config: { ...resolveMount(values), deviceFd: 3 }, logFile: '/log' };
}

describe('settings as JSON', () => {
  it.each([
    ['lowerdir=/l,upperdir=/u\xff,workdir=/w,xattr_permissions=2,uidmapping=0:1:1,timeout=1.5', 'overlay'],
    ['br:/a=rw:/b', 'aufs'],
  ] as const)('of %s (%s) are read as they were written', (list, dialect) => {
    const written = settings(list, dialect);
    expect(parseSettings(JSON.stringify(written))).toEqual(written);
  });

  it.each([
    ['daemon: not JSON: ', ''],
    ['daemon: must be an object, not []', '[]'],
    ['daemon: config: must be an object, not undefined', '{}'],
    ['daemon: config.dialect: must be overlay or aufs, not undefined', '{"config":{}}'],
    ['daemon: more: no such property', JSON.stringify({ ...settings(''), more: 1 })],
    [
      "daemon: config.lowers: must be a list of strings, not '/l'",
      JSON.stringify({ config: { ...settings('').config, lowers: '/l' } }),
    ],
  ])('are refused with %j if they are of another form', (message, text) => {
    expect(() => parseSettings(text)).toThrow(message);
  });
});
