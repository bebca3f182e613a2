/** The man pages: their names, and the sections that the help does not have. */

const OTHER_DOCUMENTS = 'The documents of the package have the rest: README.md and docs.';

/** A section of references: `plyfs-mount(8)` and the like. */
function seeAlso(...pages) {
  return { heading: 'See also', blocks: [`${pages.join(', ')}.`, OTHER_DOCUMENTS] };
}

function optionsOf({ options }) {
  return { heading: 'Options', blocks: [{ items: options }] };
}

/** A command that has no page of its own, as subsections. */
function commandSections({ name, description, synopsis, arguments: words, options, sections }) {
  const start = {
    heading: name,
    isSubsection: true,
    blocks: [`${sentence(description)}`, { lines: synopsis }, { items: [...words, ...options] }],
  };
  return [
    start,
    ...sections.map((section) => ({ ...section, heading: `${name}: ${section.heading}`, isSubsection: true })),
  ];
}

function sentence(phrase) {
  return `${phrase.slice(0, 1).toUpperCase()}${phrase.slice(1)}.`;
}

export const MAN_PAGES = [
  {
    name: 'plyfs',
    section: 1,
    summary: 'a union file system: layers in, one writable tree out',
    synopsis: [
      'plyfs mount [OPTION...] [SOURCE] MOUNTPOINT',
      'plyfs umount [-l] MOUNTPOINT',
      'plyfs run --rootfs DIR[:DIR...] [OPTION...] [COMMAND [ARG...]]',
      'plyfs convert --to FORM [OPTION...] SRC DST',
      'plyfs serve [OPTION...]',
      'plyfs completion bash|zsh|fish',
      'plyfs [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT',
    ],
    sections: (commandOf) => {
      const { options, sections } = commandOf('plyfs');
      const examples = sections.filter(({ heading }) => heading === 'Examples');
      return [
        {
          heading: 'Description',
          blocks: [
            'plyfs shows a stack of directory trees, the layers, as one tree that can be written to. Changes are written ' +
              "to the upper layer; the lower layers do not change. It reads and writes the on-disk formats of the kernel's " +
              'overlayfs and of aufs. An ordinary user can use it too.',
          ],
        },
        optionsOf({ options }),
        {
          heading: 'Commands',
          blocks: [
            {
              items: [
                ['mount', 'mount layers as one tree: plyfs-mount(8)'],
                ['run', 'run a command inside a layered tree, without root: plyfs-run(1)'],
                ['serve', 'serve all mounts of a user in one process: plyfs-serve(1)'],
                ['umount, convert, completion', 'see below'],
                ['help COMMAND', 'print the help of a command'],
              ],
            },
          ],
        },
        ...['umount', 'convert', 'completion'].flatMap((name) => commandSections(commandOf(name))),
        ...sections.filter(({ heading }) => heading !== 'Examples' && heading !== 'Exit status'),
        ...examples,
        ...sections.filter(({ heading }) => heading === 'Exit status'),
        {
          heading: 'Files',
          blocks: [
            {
              items: [
                ['/etc/subuid, /etc/subgid', 'further ids for plyfs run without root'],
                ['WORKDIR/work/incompat/volatile', 'mark of a volatile mount; see plyfs-mount(8)'],
              ],
            },
          ],
        },
        seeAlso('plyfs-mount(8)', 'plyfs-run(1)', 'plyfs-serve(1)', 'mount.plyfs(8)', 'fuse(4)', 'mount(8)'),
      ];
    },
  },
  {
    name: 'plyfs-mount',
    section: 8,
    summary: 'mount layers as one tree',
    synopsis: [
      'plyfs mount [-t TYPE] [-o OPTION[,OPTION...]]... [-f] [-d] [SOURCE] MOUNTPOINT',
      'plyfs mount --docker DIR [--upper DIR [--work DIR]] [-o ...] [-f] [-d] ID MOUNTPOINT',
    ],
    sections: (commandOf) => {
      const { options, sections } = commandOf('mount');
      return [
        {
          heading: 'Description',
          blocks: [
            'Shows the layers of lowerdir and upperdir as one tree at MOUNTPOINT. The topmost layer that has a name wins; ' +
              'directories are merged. A file of a lower layer is copied to the upper layer before its first change. A ' +
              'deleted name is hidden by a whiteout in the upper layer.',
          ],
        },
        optionsOf({ options }),
        ...sections,
        {
          heading: 'Examples',
          blocks: [
            'Mount two layers below a writable one, and unmount them:',
            {
              lines: [
                'plyfs mount -o lowerdir=/srv/top:/srv/base,upperdir=/srv/upper,workdir=/srv/work /mnt',
                'plyfs umount /mnt',
              ],
            },
            'Mount branches of aufs:',
            { lines: ['plyfs mount -t aufs -o br:/srv/rw=rw:/srv/base=ro+wh /mnt'] },
            'Make an existing mount read-only:',
            { lines: ['plyfs mount -o remount,ro /mnt'] },
          ],
        },
        {
          heading: 'Exit status',
          blocks: [
            {
              items: [
                ['0', 'the mount answers'],
                ['1', 'refused or failed; the reason is on stderr; no new mount is made, and an existing one stays'],
                ['2', 'wrong command line'],
              ],
            },
          ],
        },
        {
          heading: 'Files',
          blocks: [
            {
              items: [
                ['WORKDIR/work', 'where changes are staged; plyfs empties it'],
                [
                  'WORKDIR/work/incompat/volatile',
                  'mark of a volatile mount: the upper is not mounted again until the mark is removed',
                ],
                ['/dev/fuse', 'the device of FUSE'],
              ],
            },
          ],
        },
        seeAlso(
          'plyfs(1)',
          'plyfs-run(1)',
          'plyfs-serve(1)',
          'mount.plyfs(8)',
          'mount(8)',
          'aufs(5)',
          'fusermount3(1)',
        ),
      ];
    },
  },
  {
    name: 'mount.plyfs',
    section: 8,
    summary: 'helper of mount(8) for plyfs',
    synopsis: [
      'mount -t plyfs [-o OPTION[,OPTION...]] SOURCE MOUNTPOINT',
      'mount.plyfs SOURCE MOUNTPOINT [-sfnv] [-o OPTION[,OPTION...]] [-t TYPE]',
    ],
    sections: () => [
      {
        heading: 'Description',
        blocks: [
          'mount(8) runs this program for the type plyfs. It is a link to plyfs. SOURCE is shown in /proc/mounts and has no ' +
            'other meaning. The options are those of plyfs-mount(8); options that contradict each other are refused.',
          'With the type plyfs.aufs the layers are in the on-disk format of aufs.',
        ],
      },
      {
        heading: 'Options',
        blocks: [
          {
            items: [
              ['-o OPTION[,OPTION...]', 'options of plyfs-mount(8)'],
              ['-t TYPE', 'a type that ends in aufs: the layers are in the on-disk format of aufs'],
              ['-f', 'do nothing: mount(8) gives it for a dry run'],
              ['-s, -n, -v', 'accepted; they have no effect'],
            ],
          },
        ],
      },
      {
        heading: 'Examples',
        blocks: [
          'A line of /etc/fstab:',
          {
            lines: ['union /srv/merged plyfs lowerdir=/srv/app:/srv/base,upperdir=/srv/upper,workdir=/srv/work 0 0'],
          },
          'Install the links:',
          {
            lines: [
              'ln -s "$(command -v plyfs)" /sbin/mount.plyfs',
              'ln -s "$(command -v plyfs)" /sbin/mount.fuse.plyfs',
              'ln -s "$(command -v plyfs)" /sbin/umount.fuse.plyfs',
            ],
          },
        ],
      },
      {
        heading: 'Exit status',
        blocks: [
          {
            items: [
              ['0', 'the mount answers'],
              ['1', 'refused or failed; the reason is on stderr; no new mount is made, and an existing one stays'],
              ['2', 'wrong command line'],
            ],
          },
        ],
      },
      {
        heading: 'Files',
        blocks: [
          {
            items: [
              ['/sbin/mount.plyfs', 'link to plyfs for mount -t plyfs and /etc/fstab'],
              ['/sbin/mount.fuse.plyfs', 'link to plyfs for mount -o remount of an existing mount'],
              ['/sbin/umount.fuse.plyfs', 'link to plyfs with which umount(8) waits for the end of the server'],
            ],
          },
        ],
      },
      seeAlso('plyfs-mount(8)', 'plyfs(1)', 'mount(8)', 'umount(8)', 'fstab(5)'),
    ],
  },
  {
    name: 'plyfs-serve',
    section: 1,
    summary: 'serve all mounts of a user in one process',
    synopsis: [
      'plyfs serve [--detach] [--idle-timeout S]',
      'plyfs serve --status [--json]',
      'plyfs serve --stop [--lazy]',
    ],
    sections: (commandOf) => {
      const { options, sections } = commandOf('serve');
      return [
        {
          heading: 'Description',
          blocks: ['Runs a service that serves the mounts of its user, or asks the service that runs.'],
        },
        optionsOf({ options }),
        ...sections,
        {
          heading: 'Exit status',
          blocks: [
            {
              items: [
                ['0', 'the service has ended as it should; with --detach it accepts mounts; with --status it runs'],
                ['1', 'refused, failed, or no service runs; the reason is on stderr'],
                ['2', 'wrong command line'],
              ],
            },
          ],
        },
        {
          heading: 'Environment',
          blocks: [
            {
              items: [
                ['PLYFS_SERVICE_DIR', 'the base directory of services, instead of those below'],
                ['NOTIFY_SOCKET', 'the socket of a service manager; see sd_notify(3)'],
              ],
            },
          ],
        },
        {
          heading: 'Files',
          blocks: [
            {
              items: [
                ['/run/plyfs', "root's base directory"],
                ['$XDG_RUNTIME_DIR/plyfs', 'the base directory of other users, and in other user namespaces'],
                ['BASE/N', 'the directory of a service; N is the inode number of its user namespace'],
              ],
            },
          ],
        },
        seeAlso('plyfs(1)', 'plyfs-mount(8)', 'systemd.service(5)', 'syslog(3)'),
      ];
    },
  },
  {
    name: 'plyfs-run',
    section: 1,
    summary: 'run a command inside a layered tree, without root',
    synopsis: [
      'plyfs run --rootfs DIR[:DIR...] (--upper DIR [--work DIR] | --ephemeral) [-o OPTION[,OPTION...]]... [--] [COMMAND [ARG...]]',
      'plyfs run --docker DIR ID (--upper DIR [--work DIR] | --ephemeral) [-o OPTION[,OPTION...]]... [--] [COMMAND [ARG...]]',
    ],
    sections: (commandOf) => {
      const { options, sections } = commandOf('run');
      return [
        {
          heading: 'Description',
          blocks: [
            'Mounts layers as one tree in namespaces of its own, runs COMMAND (default: /bin/sh) with the tree as its root ' +
              'directory, and unmounts the tree when the command ends.',
          ],
        },
        optionsOf({ options }),
        ...sections,
        {
          heading: 'Files',
          blocks: [
            {
              items: [
                ['/etc/subuid, /etc/subgid', 'further ids for a user who is not root; see subuid(5)'],
                ['TMPDIR', 'directory in which the tree is mounted (default: /tmp)'],
              ],
            },
          ],
        },
        seeAlso('plyfs(1)', 'plyfs-mount(8)', 'unshare(1)', 'chroot(1)', 'subuid(5)', 'user_namespaces(7)'),
      ];
    },
  },
];
