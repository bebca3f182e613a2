/**
 * What `npm run conformance` can be told to run; test/e2e/conformance/conformance.test.ts checks that these
 * are all.
 */
export const TARGETS = [
  'plain',
  'kernel',
  'kernel-features',
  'plyfs',
  'features',
  'native',
  'aufs',
  'aufs-native',
  'overrides',
];

export const FILE_SYSTEMS = [
  'squashfs',
  'erofs',
  'xfs',
  'btrfs',
  'btrfs noacl',
  'tmpfs',
  'ramfs',
  'ext4 without filetype',
  'ext4 without extents',
  'overlay',
  'plyfs',
];
