/**
 * Moves a process of vitest, and all processes that it starts, into a mount namespace of their own. So files
 * of tests can run side by side: if a process of one file makes a namespace, it copies no mount of another
 * file, which would keep the server of that mount alive. When the last process has ended, the kernel frees a
 * loop device whose mount was left over.
 *
 * vitest loads this file by `--require`, before Node starts the threads of asynchronous calls: they would
 * stay in the former namespace.
 */
const { readFileSync } = require('node:fs');
const { constants, tmpdir } = require('node:os');
const { isMainThread } = require('node:worker_threads');
const koffi = require('koffi');

const libc = koffi.load('libc.so.6');
const unshare = libc.func('int unshare(int)');
const mount = libc.func('int mount(const char *, const char *, const char *, ulong, const void *)');
const umount2 = libc.func('int umount2(const char *, int)');

const CLONE_NEWNS = 0x20000;
const MS_REC = 0x4000;
const MS_PRIVATE = 0x40000;
const MNT_DETACH = 2;

const { PLYFS_TEST_DIR, PLYFS_CACHE, PLYFS_PROGRAM } = process.env;
/** What each test uses: a developer can have mounted it below the directory for temporary files. */
const NEEDED = [process.cwd(), PLYFS_TEST_DIR, PLYFS_CACHE, PLYFS_PROGRAM].filter((path) => path !== undefined);

/**
 * Returns the mounts below the directories where tests have their files, innermost first, without those that
 * contain something that is needed.
 */
function foreignMounts() {
  const places = [tmpdir(), '/dev/shm', PLYFS_TEST_DIR ?? tmpdir()];
  const mountpoints = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ').slice(4, 5))
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8))));
  const foreign = mountpoints.filter(
    (path) =>
      places.some((place) => path.startsWith(`${place}/`)) &&
      !NEEDED.some((needed) => `${needed}/`.startsWith(`${path}/`)),
  );
  return foreign.reverse();
}

function ownMounts() {
  if (unshare(CLONE_NEWNS) !== 0) {
    // Without privileges, tests with mounts are skipped.
    if (koffi.errno() === constants.errno.EPERM) return;
    throw new Error(`unshare: errno ${koffi.errno()}`);
  }
  if (mount(null, '/', null, MS_REC | MS_PRIVATE, null) !== 0) throw new Error(`mount: errno ${koffi.errno()}`);
  // The namespace has copies of all mounts. A copy of another test's mount would keep the server of that
  // mount alive.
  for (const mountpoint of foreignMounts()) umount2(mountpoint, MNT_DETACH);
}

// A thread loads this file too, and must stay in the namespace of its process.
if (isMainThread) ownMounts();
