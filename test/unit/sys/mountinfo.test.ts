import { describe, expect, it } from 'vitest';
import { mountedOn, parseMountinfo } from '../../../src/sys/mountinfo.js';

describe('a line of mountinfo', () => {
  it('has any number of optional fields, and octal escapes', () => {
    const tail = ' - fuse.plyfs my\\040source rw,user_id=0';
    for (const optional of ['', ' shared:1', ' shared:1 master:2']) {
      const line = `43 27 0:40 /ro\\134ot /mnt\\040a rw,relatime${optional}${tail}\n`;
      expect(parseMountinfo(line)).toEqual([
        {
          id: 43,
          device: '0:40',
          root: '/ro\\ot',
          mountpoint: '/mnt a',
          options: ['rw', 'relatime'],
          type: 'fuse.plyfs',
          source: 'my source',
          fileSystemOptions: ['rw', 'user_id=0'],
          isIdmapped: false,
        },
      ]);
    }
  });
});

describe('the mount on a directory', () => {
  const mounts = parseMountinfo(
    [
      '20 1 8:1 / / rw - ext4 /dev/vda rw',
      '30 20 0:40 / /mnt rw - fuse.x x rw',
      '31 30 0:41 / /mnt rw - fuse.x x rw',
      '32 20 0:42 / /with\\040space rw - fuse.x x rw',
    ].join('\n'),
  );

  it('is the topmost one', () => {
    expect(mountedOn('/mnt', mounts)?.device).toBe('0:41');
  });

  it('is found under a name with escapes', () => {
    expect(mountedOn('/with space', mounts)?.device).toBe('0:42');
  });

  it('is undefined where nothing is mounted', () => {
    expect(mountedOn('/elsewhere', mounts)?.device).toBe(undefined);
  });
});
