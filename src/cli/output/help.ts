/** The parts of the help that commander does not write itself. */
import type { Dialect, OptionEntry } from '../../server/options/kinds/option-entry.js';
import { OPTION_ENTRIES } from '../../server/options/option-words.js';

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

  # a shell in such a tree, rootless; what it changes is thrown away
  plyfs run --rootfs /srv/top:/srv/base --ephemeral

  # a layer of Docker's aufs driver for its overlay2 driver
  plyfs convert --to overlay /srv/aufs-layer /srv/overlay-layer

Options: plyfs mount --help, plyfs run --help, plyfs convert --help

Exit status:
  0  done: the mount answers, or is gone; the layer is converted
  1  refused or failed; the reason is on stderr, and nothing is mounted or left behind
  2  wrong command line
  plyfs run has the command's status, or 125
`;
}

const DOCKER_HELP = `
Docker's layers (--docker): DIR is Docker's root directory (/var/lib/docker), or that of its overlay2 or aufs driver in
it; ID is a layer's directory there, or as much of it as is unique. It is shown by
  docker inspect -f '{{json .GraphDriver.Data}}' CONTAINER-OR-IMAGE
The layer is mounted on top of all that it stands on. Nothing of Docker's is written: changes go to --upper. Do not
use it on the topmost layer of a running container, which changes while it is mounted.
  plyfs mount --docker /var/lib/docker 5c1f2a /mnt
  plyfs mount --docker /var/lib/docker/overlay2 5c1f2a --upper up --work work /mnt
`;

export function mountHelp(): string {
  return `
Mount options (-o):
${describeOptions(undefined)}

Options with -t aufs (xino, dio, udba, dirperm1 and the like are accepted):
${describeOptions('aufs')}

Unknown options are named on stderr and ignored. Paths may be relative.
Options that contradict each other are refused. Without the word mount (the command line of fuse-overlayfs) the last of
several values holds, and of two contradicting options the one that promises less; up to 500 lower layers are accepted.
MOUNTPOINT can be /dev/fd/N, a descriptor of /dev/fuse that the caller has mounted already; plyfs then only serves it.
The mount is served by a process in the background, which ends when it is unmounted. SIGTERM, SIGINT and SIGHUP
make it unmount first, lazily if somebody is using the mount: they get ENOTCONN from then on.
${DOCKER_HELP}`;
}

export function convertHelp(): string {
  return `
The two forms differ in how a layer says that something below it is gone:
              a deleted NAME                an opaque directory has
  overlay     a character device 0:0, NAME  the overlay's attribute "opaque", in trusted. or user. (see --xattrs)
  aufs        an empty file, .wh.NAME       an empty file in it, .wh..wh..opq
A layer of fuse-overlayfs can have both: --from fuse-overlayfs. Docker's overlay2 and the kernel's overlayfs keep the
overlay form, Docker's aufs driver and tars of OCI images the aufs form.

Everything else is kept: contents with their holes, owners, modes, attributes and ACLs, times to the nanosecond, hard
links, devices. All of SRC is checked first: if anything in it cannot be stored in the new form, each such path is
named and nothing is written. In aufs form these are names that start with .wh. or are longer than 242 bytes, in
overlay form devices 0:0; in both, objects of which metacopy=on or redirect_dir=on has left a part in another layer.
A layer of aufs with pseudo-links (a mount of it lives, or was killed) is refused: mount it once with -t aufs over its
lower layers and unmount it with plyfs umount, which makes them hard links.
Whiteouts that hide nothing, in an opaque directory or beside an entry of the same name, are left out.

The new layer is written beside DST, as .plyfs-convert.NAME, and gets its name when it is complete. A conversion that
fails or is interrupted removes it; one that was killed leaves it to the next conversion to DST, which removes it.
SRC must not be mounted writable meanwhile. An ordinary user can convert layers of files of their own, and neither sees
nor keeps attributes in trusted.

With --json plyfs prints one object on stdout, even if the command line is wrong or the conversion fails:
  {"converted":true, ...}            how many objects of each kind were converted
  {"converted":false,"obstacles":[{"path":...,"why":...}], "obstacleCount":...}
  {"converted":false,"error":"...","code":"ENOTEMPTY"}

Examples:
  plyfs convert --to overlay /var/lib/docker/aufs/diff/ID /srv/layers/base
  plyfs convert --to aufs /srv/upper /srv/branch
`;
}

export function runHelp(): string {
  return `
The command sees the layers as its root directory, with /proc and a minimal /dev, and is root there: in a user namespace, unless
root runs it. An ordinary user gets other users from /etc/subuid and /etc/subgid, as podman does (packages: uidmap).
Network, host name and time are those of the machine; the environment has PATH, HOME and TERM only. When the command ends, so do the
processes that it has started. plyfs run passes signals on to it. If stdin is a terminal, the command gets one of its own.
It is not confined: root inside the chroot can escape it, to files of the user who runs this.

The status is the command's, 128 and more if a signal ended it; 126 and 127 if it cannot be run or is not there;
125 if the tree could not be mounted.

Examples:
  # what would this do to the tree? nothing is kept
  plyfs run --rootfs /srv/top:/srv/base --ephemeral -- rm -rf /usr
  # a shell; what it changes is in ./changes
  plyfs run --rootfs /srv/base --upper changes
  plyfs run --docker /var/lib/docker 5c1f2a --upper changes -- cat /etc/os-release
`;
}

/** The options of one dialect, or of all mounts, as lines of help. */
export function describeOptions(dialect: Dialect | undefined): string {
  const own = OPTION_ENTRIES.filter((entry) => (entry.dialect === 'aufs' ? 'aufs' : undefined) === dialect);
  return own.flatMap(describe).join('\n');
}

function describe(entry: OptionEntry): string[] {
  if (!('help' in entry) || entry.help === undefined) return [];
  const start = `  ${spelling(entry)}`.padEnd(26);
  return [`${start.length > 26 ? `${start}\n${' '.repeat(26)}` : start} ${entry.help}`];
}

function spelling(entry: OptionEntry): string {
  switch (entry.kind) {
    case 'value':
      return `${entry.word}${entry.separator ?? '='}${entry.takes.placeholder}`;
    case 'flag':
      return entry.opposite === undefined ? entry.word : `${entry.word}, ${entry.opposite}`;
    case 'unsupported':
      return entry.words.join(', ');
    case 'accepted': {
      const words = entry.words.join(', ');
      return typeof entry.takes === 'object' ? `${words}=${entry.takes.placeholder}` : words;
    }
  }
}
