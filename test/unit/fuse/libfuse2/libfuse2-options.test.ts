import { describe, expect, it } from 'vitest';
import { libfuseOptions } from '../../../../src/fuse/libfuse2/libfuse2-options.js';

describe('mount options', () => {
  const request = {
    target: '/mnt',
    subtype: 'plyfs',
    fsname: 'a,b\\c',
    flags: 1,
    allowOther: true,
  };

  it('are escaped, and let the kernel cache attributes on a read-only mount only', () => {
    const text = libfuseOptions(request, 60);
    expect(text).toContain(',fsname=a\\,b\\\\c,');
    expect(text).toContain(',attr_timeout=60,');
    expect(text).toContain(',ro,');
    expect(libfuseOptions({ ...request, flags: 0 }, 60)).toContain(',attr_timeout=0,');
  });

  it('that fuse-native would truncate are refused', () => {
    expect(() => libfuseOptions({ ...request, fsname: 'x'.repeat(1000) }, 60)).toThrow(/ENAMETOOLONG/);
  });
});
