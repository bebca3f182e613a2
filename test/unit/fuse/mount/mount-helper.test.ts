import { describe, expect, it } from 'vitest';
import { MS_NODEV, MS_NOSUID, MS_RDONLY } from '../../../../src/core/flags.js';
import { helperOptions } from '../../../../src/fuse/mount/mount-helper.js';
import { deviceOfMount } from '../../../../src/fuse/mount/readahead.js';
import { encodeDev } from '../../../../src/fuse/wire/reply.js';

const request = {
  source: 'source',
  target: '/mnt',
  subtype: 'sub',
  fsname: '',
  flags: 0,
  allowOther: false,
  defaultPermissions: true,
  rootMode: 0o40755,
};

describe('options for fusermount3', () => {
  it('name what is asked for', () => {
    const flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
    expect(helperOptions({ ...request, flags, allowOther: true })).toBe(
      'ro,nosuid,nodev,allow_other,default_permissions,fsname=source,subtype=sub',
    );
  });

  it('escape what would end an option', () => {
    expect(helperOptions({ ...request, fsname: 'a,b\\c', subtype: '' })).toBe('default_permissions,fsname=a\\,b\\\\c');
  });
});

describe('the device of a mount', () => {
  const mountinfo = [
    '20 1 8:1 / / rw - ext4 /dev/vda rw',
    '30 20 0:40 / /mnt rw - fuse.x x rw',
    '31 30 0:41 / /mnt rw - fuse.x x rw',
    '32 20 0:42 / /with\\040space rw - fuse.x x rw',
  ].join('\n');

  it('is that of the topmost one', () => {
    expect(deviceOfMount(mountinfo, '/mnt')).toBe('0:41');
  });

  it('is found under a name with escapes', () => {
    expect(deviceOfMount(mountinfo, '/with space')).toBe('0:42');
  });

  it('is undefined where nothing is mounted', () => {
    expect(deviceOfMount(mountinfo, '/elsewhere')).toBe(undefined);
  });
});

it('device numbers travel as the kernel packs them', () => {
  expect(encodeDev(1, 3)).toBe(0x103);
  expect(encodeDev(259, 0x12345)).toBe(0x12310345);
  expect(encodeDev(0, 0)).toBe(0);
});
