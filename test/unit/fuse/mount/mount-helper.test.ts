import { describe, expect, it } from 'vitest';
import { MS_NODEV, MS_NOSUID, MS_RDONLY } from '../../../../src/core/flags.js';
import { helperOptions } from '../../../../src/fuse/mount/mount-helper.js';

const request = {
  target: '/mnt',
  subtype: 'sub',
  fsname: 'source',
  flags: 0,
  allowOther: false,
};

describe('options for fusermount3', () => {
  it('have a name for each flag and field of the request', () => {
    const flags = MS_RDONLY | MS_NOSUID | MS_NODEV;
    expect(helperOptions({ ...request, flags, allowOther: true })).toBe(
      'ro,nosuid,nodev,allow_other,default_permissions,fsname=source,subtype=sub',
    );
  });

  it('have an escape before each comma and backslash of a value', () => {
    expect(helperOptions({ ...request, fsname: 'a,b\\c', subtype: '' })).toBe('default_permissions,fsname=a\\,b\\\\c');
  });
});
