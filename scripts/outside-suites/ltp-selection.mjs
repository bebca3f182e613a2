/** The tests of LTP about files: folders of testcases/kernel/syscalls, and those of runtest/fs. */

export const SYSCALLS = [
  ...['access', 'acct', 'chdir', 'chmod', 'chown', 'chroot', 'close', 'close_range', 'copy_file_range', 'creat'],
  ...['dup', 'dup2', 'dup3', 'execl', 'execle', 'execlp', 'execv', 'execve', 'execveat', 'execvp', 'faccessat'],
  ...[
    'faccessat2',
    'fadvise',
    'fallocate',
    'fanotify',
    'fchdir',
    'fchmod',
    'fchmodat',
    'fchmodat2',
    'fchown',
    'fchownat',
  ],
  ...['fcntl', 'fdatasync', 'fgetxattr', 'file_attr', 'flistxattr', 'flock', 'fpathconf', 'fremovexattr', 'fsetxattr'],
  ...['fstat', 'fstatat', 'fstatfs', 'fsync', 'ftruncate', 'futimesat', 'getcwd', 'getdents', 'getxattr', 'inotify'],
  ...['inotify_init', 'io_cancel', 'io_destroy', 'io_getevents', 'io_pgetevents', 'io_setup', 'io_submit', 'ioctl'],
  ...['lchown', 'lgetxattr', 'link', 'linkat', 'listxattr', 'llistxattr', 'llseek', 'lremovexattr', 'lseek', 'lstat'],
  ...[
    'mincore',
    'mkdir',
    'mkdirat',
    'mknod',
    'mknodat',
    'mmap',
    'mremap',
    'msync',
    'munmap',
    'name_to_handle_at',
    'open',
  ],
  ...[
    'open_by_handle_at',
    'openat',
    'openat2',
    'pathconf',
    'pread',
    'preadv',
    'preadv2',
    'pwrite',
    'pwritev',
    'pwritev2',
  ],
  ...[
    'read',
    'readahead',
    'readdir',
    'readlink',
    'readlinkat',
    'readv',
    'realpath',
    'removexattr',
    'rename',
    'renameat',
  ],
  ...[
    'renameat2',
    'rmdir',
    'sendfile',
    'setfsgid',
    'setfsuid',
    'setxattr',
    'splice',
    'stat',
    'statfs',
    'statvfs',
    'statx',
  ],
  ...['symlink', 'symlinkat', 'sync', 'sync_file_range', 'syncfs', 'tee', 'truncate', 'umask', 'unlink', 'unlinkat'],
  ...['ustat', 'utime', 'utimensat', 'utimes', 'vmsplice', 'write', 'writev'],
];

/**
 * A test that makes a file system of its own, on a loop device, does not test the directory that it is
 * started in.
 */
export const OWN_FILE_SYSTEM = /\.(mount_device|all_filesystems|format_device|dev_fs_type)\s*=/;

/** In the chosen folders, and not about a file of the directory that the test is started in. */
export const NOT_ABOUT_FILES = [
  {
    test: /^ioctl_(ns|loop|fiemap|ficlone|pidfd|getlbmd)|^ioctl(01|02)$/,
    why: 'terminals, namespaces, loop devices, or other file systems',
  },
  { test: /^mmap(22|17)$|^mincore0[24]$/, why: 'memory' },
  { test: /^fcntl35$/, why: 'pipes' },
  { test: /^close_range01$/, why: 'a file system of its own' },
  {
    test: /^(proc01|read_all_(dev|proc|sys)|binfmt_misc0\d|isofs|squashfs01|quota_remount_test01)$/,
    why: 'other file systems',
  },
  { test: /^acl_/, why: 'a file system of its own' },
];
