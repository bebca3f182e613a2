/**
 * Documented errnos that no case provokes, or not in every placement, with the reason. The test fails for a
 * hole without a reason, and for a reason without a hole.
 */
interface Reason {
  /** `operation errno`, either of them `*`. */
  readonly pairs: readonly string[];
  readonly why: string;
}

export const NOT_PROVOKED: readonly Reason[] = [
  {
    pairs: ['* ENOMEM'],
    why: 'no caller can provoke a lack of kernel memory. `msync` returns it for a range that is not mapped: covered',
  },
  { pairs: ['* EIO'], why: 'needs a failing file system below: `npm run test:faults`' },
  {
    pairs: ['* ENOSPC', '* EDQUOT'],
    why: 'needs a full file system below: `test/e2e/limits/no-space.test.ts`, `test/e2e/limits/full-disk.test.ts`, `npm run test:faults`',
  },
  {
    pairs: ['* EINTR'],
    why: 'for calls that wait long: `test/e2e/coherence/large-copy-up.test.ts` kills a caller that waits for a copy-up',
  },
  {
    pairs: ['open EMFILE', '* ENFILE', 'execve EMFILE'],
    why: "the kernel's own tables of open files, before any file system is asked. Those of plyfs: `test/e2e/limits/open-file-budget.test.ts`",
  },
  { pairs: ['* EOVERFLOW'], why: 'for callers whose `off_t` or `ino_t` has 32 bits' },
  {
    pairs: ['open EBUSY'],
    why: 'O_EXCL on a block device in use: the device decides, not the file system that names it',
  },
  {
    pairs: ['open EFBIG', 'open ENODEV', 'open EINTR'],
    why: 'Linux returns EOVERFLOW for the first and ENXIO for the second; EINTR is for fifos that wait',
  },
  { pairs: ['open O_TMPFILE EISDIR'], why: 'kernels before 3.11' },
  { pairs: ['open O_TMPFILE EOPNOTSUPP'], why: 'fuse-native only, see docs/transports.md' },
  { pairs: ['mkdir EINVAL'], why: 'no byte is forbidden in a name. Names that aufs reserves are EPERM: group aufs' },
  { pairs: ['mkdir EMLINK', 'rename EMLINK'], why: 'ext4, xfs and btrfs set no limit to subdirectories' },
  { pairs: ['link EMLINK'], why: 'needs a file with 65,000 links: `test/e2e/limits/limits.test.ts`' },
  { pairs: ['rmdir EEXIST'], why: 'Linux returns ENOTEMPTY' },
  {
    pairs: ['rename other flags EPERM'],
    why: 'unions refuse RENAME_WHITEOUT before they check the caller: EINVAL, covered',
  },
  { pairs: ['utimensat ESRCH'], why: 'Linux returns EACCES' },
  { pairs: ['write EDESTADDRREQ', 'write EPERM'], why: 'sockets, and sealed memory files' },
  { pairs: ['lseek EOVERFLOW', 'sendfile EOVERFLOW'], why: 'Linux returns EINVAL for positions that do not fit' },
  {
    pairs: ['fallocate ENOSYS', 'fallocate ETXTBSY', 'copy_file_range ETXTBSY', 'FICLONE ETXTBSY', 'FICLONE EPERM'],
    why: 'kernels before 2.6.23, and swap files, which neither an overlay nor FUSE accepts',
  },
  {
    pairs: ['copy_file_range EOPNOTSUPP', 'FICLONE EOPNOTSUPP', 'sendfile EAGAIN'],
    why: 'depends on the file system below, and on sockets',
  },
  {
    pairs: ['mmap EAGAIN', 'mmap EEXIST', 'mmap EPERM', 'mmap ETXTBSY', 'msync EBUSY'],
    why: "the kernel's memory management: locked memory, fixed addresses, noexec mounts; ETXTBSY is not used any more",
  },
  { pairs: ['fsync EROFS', 'fdatasync EROFS'], why: 'Linux returns EINVAL for objects that cannot be synced: covered' },
  { pairs: ['statfs ENOSYS', 'fstatfs ENOSYS'], why: 'file systems without statfs' },
  { pairs: ['access ETXTBSY'], why: 'Linux does not check whether a program runs' },
  {
    pairs: ['access EPERM', 'fcntl F_SETFL EPERM'],
    why: 'the kernel does not know from FUSE which files are immutable or append-only: only on the plain directory and the kernel overlayfs. plyfs refuses the change itself',
  },
  {
    pairs: ['getxattr E2BIG', 'fgetxattr E2BIG', 'listxattr E2BIG', 'flistxattr E2BIG'],
    why: 'file systems with values or lists over 64 KiB',
  },
  { pairs: ['listxattr EOPNOTSUPP', 'flistxattr EOPNOTSUPP'], why: 'layers have xattrs' },
  { pairs: ['FS_IOC_SETFLAGS EACCES'], why: 'Linux returns EPERM' },
  { pairs: ['ioctl EFAULT', 'ioctl EINVAL'], why: 'the requests that exist have their own rows' },
  {
    pairs: ['flock ENOLCK', 'fcntl lock ENOLCK', 'fcntl lock EDEADLK'],
    why: "the kernel's own table of locks, the same for every file system here",
  },
  { pairs: ['fcntl F_SETFL EINVAL'], why: 'O_DIRECT where there is none' },
  {
    pairs: ['fcntl F_SETLEASE EACCES'],
    why: "needs CAP_LEASE, which a change of the file system's uid does not remove",
  },
  {
    pairs: ['open_by_handle_at *'],
    why: 'only on the plain directory: neither the kernel overlayfs without nfs_export nor plyfs returns handles that can be opened',
  },
  {
    pairs: ['execve EAGAIN', 'execve EINVAL', 'execve EISDIR', 'execve ELIBBAD', 'execve EPERM'],
    why: "the kernel's loader of programs: limits, broken ELF files",
  },
];

/** Returns the reason why a case is missing, or null. */
export function reasonFor(operation: string, errno: string): string | null {
  const matches = (pair: string): boolean => {
    const at = pair.lastIndexOf(' ');
    const [op, code] = [pair.slice(0, at), pair.slice(at + 1)];
    return (op === '*' || op === operation) && (code === '*' || code === errno);
  };
  // The more specific reason has priority.
  const fitting = NOT_PROVOKED.filter(({ pairs }) => pairs.some(matches));
  const exact = fitting.find(({ pairs }) => pairs.includes(`${operation} ${errno}`));
  return (exact ?? fitting[0])?.why ?? null;
}
