/** @type {import('../judge.mjs').Known[]} */
export const known = [
  {
    suite: 'xfstests',
    test: 'overlay/012',
    kind: 'chosen',
    reason:
      'it removes a file from the upper behind the mount; plyfs then shows the directory below it (EISDIR), where the kernel returns ESTALE',
  },
  {
    suite: 'xfstests',
    test: 'overlay/022',
    kind: 'chosen',
    reason: 'it expects a refusal of an upper that is in another union; plyfs mounts it',
  },
  {
    suite: 'xfstests',
    test: 'overlay/035',
    kind: 'chosen',
    reason:
      'a workdir that cannot be emptied makes the mount fail, where the kernel mounts read-only; and refusals have the wording of plyfs',
  },
  ...['overlay/036', 'overlay/037'].map((test) => ({
    suite: 'xfstests',
    test,
    kind: 'chosen',
    reason: 'the mount is refused as the test expects, but with the wording of plyfs and not of mount(8)',
  })),
  {
    suite: 'xfstests',
    test: 'overlay/065',
    kind: 'chosen',
    reason:
      'mounts are refused with the wording of plyfs; and the test moves one layer into another behind the mount, which only the kernel notices',
  },
  {
    suite: 'xfstests',
    test: 'overlay/081',
    kind: 'fuse',
    reason:
      'it compares the f_fsid of statfs(2), which a reply to FUSE_STATFS does not have; `uuid=on` is refused for the same reason',
  },
  {
    suite: 'xfstests',
    test: 'overlay/086',
    kind: 'fuse',
    reason: 'it looks for the layers in /proc/mounts, where the kernel shows no options of a FUSE server',
  },
  {
    suite: 'xfstests',
    test: 'overlay/087',
    kind: 'fuse',
    reason: 'it expects syncfs(2) to fail, which the kernel does not pass on to a FUSE server',
  },
  {
    suite: 'xfstests',
    test: 'generic/424',
    kind: 'fuse',
    reason:
      'the kernel reads the birth time from the reply to FUSE_STATX and ignores its attributes (fs/fuse/dir.c:fuse_do_statx), so that statx(2) shows none',
  },
  ...['generic/394', 'generic/531', 'generic/564'].map((test) => ({
    suite: 'xfstests',
    test,
    kind: 'elsewhere',
    reason: 'it raises a limit of its own (ulimit), which this machine forbids on every file system',
  })),
  {
    suite: 'xfstests',
    test: 'generic/504',
    kind: 'elsewhere',
    reason:
      'it looks in /proc/locks for a lock of a process that has ended, which a PID namespace hides on every file system',
  },
];
