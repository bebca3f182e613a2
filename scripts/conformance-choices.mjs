/**
 * The targets and file systems that `npm run conformance` can run. test/e2e/conformance/conformance.test.ts
 * checks that the lists are complete.
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
