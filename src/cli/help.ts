/** The parts of the help that commander does not write itself. */
import { describeOptions } from './mount-options.js';

export function programHelp(): string {
  return `
Without a command, plyfs takes what fuse-overlayfs and mount.fuse3 are given:
  plyfs [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT

Examples:
  # one writable tree out of two read-only ones; changes go to /srv/upper
  plyfs mount -o lowerdir=/srv/top:/srv/base,upperdir=/srv/upper,workdir=/srv/work /mnt
  # read-only: no upperdir
  plyfs mount -o lowerdir=/srv/top:/srv/base /mnt
  plyfs umount /mnt

Options of mount: plyfs mount --help

Exit status:
  0  done: the mount answers, or is gone
  1  refused or failed; the reason is on stderr, and nothing is mounted
  2  wrong command line
`;
}

export function mountHelp(): string {
  return `
Mount options (-o):
${describeOptions()}

Unknown options are named on stderr and ignored. Paths may start at the working directory.
The mount is served by a process in the background, which ends when it is unmounted. SIGTERM, SIGINT and SIGHUP
make it unmount first, lazily if somebody is using the mount.
`;
}
