import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { O_RDWR } from '../../../src/core/flags.js';
import { close, openTrusted } from '../../../src/sys/files/open.js';
import { MNT_DETACH, mountFs, umountFs } from '../../../src/sys/mount.js';
import { mountedOn } from '../../../src/sys/mountinfo.js';

const canMount = process.geteuid?.() === 0 && existsSync('/dev/fuse');

describe.skipIf(!canMount)(`mount(2)${canMount ? '' : ': needs root and /dev/fuse'}`, () => {
  it('gets all of a long type, and the data', () => {
    const mountpoint = mkdtempSync(join(tmpdir(), 'plyfs-mount-'));
    const fd = openTrusted('/dev/fuse', O_RDWR);
    const type = `fuse.${'x'.repeat(300)}`;
    try {
      mountFs('source', mountpoint, type, 0, `fd=${fd},rootmode=40000,user_id=0,group_id=0,max_read=65536`);
      try {
        const entry = mountedOn(mountpoint);
        expect(entry).toMatchObject({ type, source: 'source' });
        expect(entry?.fileSystemOptions).toContain('max_read=65536');
      } finally {
        umountFs(mountpoint, MNT_DETACH);
      }
    } finally {
      close(fd);
      rmdirSync(mountpoint);
    }
  });

  it('refuses a type of more than a page', () => {
    expect(() => mountFs('source', '/', `fuse.${'x'.repeat(4096)}`, 0, '')).toThrow('EINVAL: mount');
  });
});
