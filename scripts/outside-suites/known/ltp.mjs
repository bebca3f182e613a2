const handles = ['name_to_handle_at01', 'name_to_handle_at02', 'open_by_handle_at01', 'open_by_handle_at02'];

/** @type {import('../judge.mjs').Known[]} */
export const known = [
  ...handles.map((test) => ({
    suite: 'ltp',
    test,
    kind: 'elsewhere',
    reason: "it needs file handles (EOPNOTSUPP), which the kernel's overlayfs has with nfs_export=on only",
  })),
  {
    suite: 'ltp',
    test: 'fsetxattr02',
    kind: 'elsewhere',
    reason: 'it opens a block device that has no driver (ENXIO), on every file system',
  },
  {
    suite: 'ltp',
    test: 'getxattr05',
    kind: 'elsewhere',
    reason:
      'it writes to /proc/sys/user/max_user_namespaces, which can be forbidden (EACCES) whatever the file system is',
  },
];
