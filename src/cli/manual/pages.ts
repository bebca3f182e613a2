/** The sections of the help and of the man pages that commander does not write itself. */
import { optionItems, wordsWithoutEffect } from './option-items.js';
import type { Section } from './page.js';

const EXIT_STATUS: Section = {
  heading: 'Exit status',
  blocks: [
    {
      items: [
        ['0', 'success: the mount answers, or no longer exists; the layer is converted'],
        ['1', 'refused or failed; the reason is on stderr; no new mount or layer is made, and an existing mount stays'],
        ['2', 'wrong command line'],
      ],
    },
    'plyfs run has the status of the command, or 125.',
  ],
};

const PROGRAM: readonly Section[] = [
  {
    heading: 'Without a command',
    blocks: ['plyfs accepts the command line of fuse-overlayfs and mount.fuse3. The options are those of plyfs mount.'],
  },
  {
    heading: 'Examples',
    blocks: [
      'Make one writable tree out of two read-only ones; changes are written to /srv/upper:',
      {
        lines: [
          'plyfs mount -o lowerdir=/srv/top:/srv/base,upperdir=/srv/upper,workdir=/srv/work /mnt',
          'plyfs umount /mnt',
        ],
      },
      'Mount them read-only, without an upperdir:',
      { lines: ['plyfs mount -o lowerdir=/srv/top:/srv/base /mnt'] },
      'Run a shell in such a tree, without root; its changes are thrown away:',
      { lines: ['plyfs run --rootfs /srv/top:/srv/base --ephemeral'] },
      "Convert a layer of Docker's aufs driver for its overlay2 driver:",
      { lines: ['plyfs convert --to overlay /srv/aufs-layer /srv/overlay-layer'] },
    ],
  },
  EXIT_STATUS,
];

const DOCKER: Section = {
  heading: 'Layers of Docker',
  blocks: [
    "With --docker, DIR is Docker's root directory (/var/lib/docker), or the directory of its overlay2 or aufs driver " +
      "in it. ID is the name of a layer's directory there, or a unique prefix of it. To find it:",
    { lines: ["docker inspect -f '{{json .GraphDriver.Data}}' CONTAINER-OR-IMAGE"] },
    "The layer is mounted together with all layers below it. plyfs does not write to Docker's directories: changes are " +
      'written to --upper. Do not use it on the topmost layer of a running container, which changes while it is mounted.',
    {
      lines: [
        'plyfs mount --docker /var/lib/docker 5c1f2a /mnt',
        'plyfs mount --docker /var/lib/docker/overlay2 5c1f2a --upper up --work work /mnt',
      ],
    },
  ],
};

function withoutEffect(dialect: 'aufs' | undefined): string {
  return `Accepted, without effect: ${wordsWithoutEffect(dialect).join(', ')}.`;
}

const MOUNT: readonly Section[] = [
  {
    heading: 'Arguments',
    blocks: [
      {
        items: [
          ['SOURCE', 'name shown in /proc/mounts (optional)'],
          ['MOUNTPOINT', 'directory to mount on'],
        ],
      },
    ],
  },
  { heading: 'Mount options (-o)', blocks: [{ items: optionItems(undefined) }, withoutEffect(undefined)] },
  {
    heading: 'Mount options with -t aufs',
    blocks: [{ items: optionItems('aufs') }, withoutEffect('aufs')],
  },
  {
    heading: 'Notes',
    blocks: [
      'Paths may be relative. Unknown options are named on stderr and ignored. Options that contradict each other are ' +
        'refused, but of a word and its opposite (ro, rw) the last one applies.',
      'Without the word mount, plyfs follows the rules of fuse-overlayfs: if an option has several values, the last one ' +
        'applies; if two options contradict each other, the one that promises less applies (of ro and rw: ro). Up to 500 lower layers are accepted.',
      'MOUNTPOINT can be /dev/fd/N, a descriptor of /dev/fuse that the caller has already mounted; plyfs then only ' +
        'serves it.',
      'A process in the background serves the mount, and ends when it is unmounted. On SIGTERM, SIGINT and SIGHUP this ' +
        'process unmounts first, lazily if the mount is in use; its users get ENOTCONN from then on.',
    ],
  },
  DOCKER,
];

const UMOUNT: readonly Section[] = [
  {
    heading: 'Notes',
    blocks: [
      'The command returns when the server has closed the layers. With --lazy it returns at once, and processes that ' +
        'use the mount get ENOTCONN.',
    ],
  },
];

const CONVERT: readonly Section[] = [
  {
    heading: 'The two forms',
    blocks: [
      'The forms differ in how a layer records that something below it is deleted:',
      {
        lines: [
          '          a deleted NAME                an opaque directory has',
          'overlay   a character device 0:0, NAME  the attribute "opaque" of the overlay (see --xattrs)',
          'aufs      an empty file, .wh.NAME       an empty file in it, .wh..wh..opq',
        ],
      },
      'A layer of fuse-overlayfs can have both: --from fuse-overlayfs. The overlay2 driver of Docker and the kernel keep ' +
        'the overlay form; the aufs driver of Docker and tars of OCI images have the aufs form.',
    ],
  },
  {
    heading: 'Conversion',
    blocks: [
      'Everything else is kept: contents with their holes, owners, modes, attributes and ACLs, times to the nanosecond, ' +
        'hard links, devices. Whiteouts that hide nothing, in an opaque directory or beside an entry of the same name, ' +
        'are left out.',
      'SRC is checked first. If anything in it cannot be stored in the new form, each such path is named and nothing is ' +
        'written: in the aufs form names that begin with .wh. or are longer than 242 bytes; in the overlay form devices ' +
        '0:0; in both, objects whose data or contents metacopy=on or redirect_dir=on left in another layer.',
      'A layer of aufs with pseudo-links (it is still mounted, or its server was killed) is refused: mount it once with ' +
        '-t aufs over its lower layers and unmount it with plyfs umount, which makes hard links of them.',
      'The new layer is written beside DST, as .plyfs-convert.NAME, and gets its name when it is complete. A conversion ' +
        'that fails or is interrupted removes it; if it is killed, the next conversion to the same DST removes it. SRC ' +
        'must not be mounted writable meanwhile.',
      'An ordinary user can convert layers made of their own files; trusted.* attributes are neither seen nor kept.',
    ],
  },
  {
    heading: 'Output of --json',
    blocks: [
      'One object on stdout, even if the command line is wrong or the conversion fails:',
      {
        items: [
          ['{"converted":true, ...}', 'how many objects of each kind were converted'],
          [
            '{"converted":false, "obstacles":[...], "obstacleCount":N}',
            'the N objects that cannot be stored in the new form, each as {"path":..., "why":...}',
          ],
          ['{"converted":false, "error":"...", "code":"ENOTEMPTY"}', 'any other failure'],
        ],
      },
    ],
  },
  {
    heading: 'Examples',
    blocks: [
      {
        lines: [
          'plyfs convert --to overlay /var/lib/docker/aufs/diff/ID /srv/layers/base',
          'plyfs convert --to aufs /srv/upper /srv/branch',
        ],
      },
    ],
  },
];

const RUN: readonly Section[] = [
  {
    heading: 'Environment of the command',
    blocks: [
      'The command sees the layers as its root directory, with /proc and a minimal /dev. It is root there: in a user ' +
        'namespace, unless root runs it. An ordinary user gets further user ids from /etc/subuid and /etc/subgid, as ' +
        'with podman (Debian package uidmap).',
      "Network, host name and clock are the host's. The environment has PATH, HOME and TERM only. If stdin is a " +
        'terminal, the command gets a terminal of its own. plyfs run passes signals on to it. When the command ends, ' +
        'plyfs ends the processes that it has started.',
      'It is not a sandbox: root inside a chroot can escape it and reach the files of the user who started it.',
    ],
  },
  {
    heading: 'Exit status',
    blocks: [
      'The status of the command:',
      {
        items: [
          ['128+N', 'signal N ended the command'],
          ['127', 'the command is not found'],
          ['126', 'the command cannot be executed'],
          ['125', 'the tree could not be mounted'],
        ],
      },
    ],
  },
  {
    heading: 'Examples',
    blocks: [
      'Try what a command does to the tree; nothing is kept:',
      { lines: ['plyfs run --rootfs /srv/top:/srv/base --ephemeral -- rm -rf /usr'] },
      'Run a shell; its changes are kept in ./changes:',
      { lines: ['plyfs run --rootfs /srv/base --upper changes'] },
      'Run a command in a layer of Docker:',
      { lines: ['plyfs run --docker /var/lib/docker 5c1f2a --upper changes -- cat /etc/os-release'] },
    ],
  },
];

const SERVE: readonly Section[] = [
  {
    heading: 'The service',
    blocks: [
      'One process serves many mounts. It has started before the first of them, and its code is compiled: a mount ' +
        'takes milliseconds and little memory. While a service runs, plyfs mount, the command line of fuse-overlayfs and ' +
        'mount -t plyfs use it by themselves; the option service= of plyfs mount decides otherwise. Their messages, exit ' +
        'statuses and mounts are the same as without a service. plyfs run has namespaces of its own, and so a server of ' +
        'its own.',
      'There is one service for each user and user namespace. It mounts only for processes with the same user, groups, ' +
        'capabilities and namespaces; for root also in other mount namespaces. Mounts of other processes, and mounts in ' +
        'the foreground, have a server of their own.',
      'Without options the service runs in the foreground, and notifies a service manager when it accepts mounts ' +
        '(sd_notify(3)). A supervisor starts its server process again if that dies.',
      'On SIGTERM, SIGINT and SIGHUP the service unmounts everything and ends. Mounts that are in use are detached; their ' +
        'users get ENOTCONN from then on.',
      '--detach starts a service in a session of its own, whose messages are sent to syslog.',
      'With --stop, the service accepts no mount from then on, and ends when all mounts are unmounted. If you ' +
        'interrupt the command, the service continues.',
    ],
  },
  {
    heading: 'Output of --json',
    blocks: [
      'One object. A thread that does not answer has the state "silent", and null in the figures of its mounts:',
      {
        items: [
          ['supervisor', '{"pid":N}'],
          [
            'server',
            '{"pid":N, "rss":BYTES, "threads":[{"thread":N, "state":"idle"|"busy"|"silent", "mounts":N}, ...]}',
          ],
          [
            'mounts',
            '[{"id":N, "mountpoint":"...", "options":"...", "thread":N, "requests":N, "nodes":N, "memory":BYTES}, ...]',
          ],
          ['served', 'N: how many mounts the server process has made since its start'],
        ],
      },
    ],
  },
  {
    heading: 'Examples',
    blocks: [
      'Run a service until it has had no mount for ten minutes, and look at it:',
      { lines: ['plyfs serve --detach --idle-timeout 600', 'plyfs serve --status'] },
      'Run one inside the user namespace of rootless podman:',
      { lines: ['podman unshare plyfs serve'] },
    ],
  },
];

const COMPLETION: readonly Section[] = [
  {
    heading: 'Examples',
    blocks: [
      'Install the completion for all users:',
      {
        lines: [
          'plyfs completion bash > /usr/share/bash-completion/completions/plyfs',
          'plyfs completion zsh > /usr/local/share/zsh/site-functions/_plyfs',
          'plyfs completion fish > /etc/fish/completions/plyfs.fish',
        ],
      },
      'Use it in this shell only (bash):',
      { lines: ['. <(plyfs completion bash)'] },
    ],
  },
];

/** The sections of each page, by the name of the command. */
export const PAGES: ReadonlyMap<string, readonly Section[]> = new Map([
  ['plyfs', PROGRAM],
  ['mount', MOUNT],
  ['umount', UMOUNT],
  ['convert', CONVERT],
  ['run', RUN],
  ['serve', SERVE],
  ['completion', COMPLETION],
]);
