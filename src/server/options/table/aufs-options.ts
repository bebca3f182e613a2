/** The options that only `-t aufs` takes (aufs(5)). */
import type { OptionEntry } from '../kinds/option-entry.js';
import { BRANCHES, choice, NO_DATA_LAYER } from '../kinds/value-kinds.js';

export const AUFS_OPTIONS = [
  {
    kind: 'value',
    word: 'br',
    aliases: ['dirs'],
    separator: ':',
    property: 'branches',
    dialect: 'aufs',
    takes: BRANCHES,
    library: false,
    help:
      'the branches, top first (also br=, dirs=). PERM is rw, ro or rr, and attributes: ' +
      '+wh: whiteouts in a ro or rr branch count (in a rw branch they always do); +nolwh: whiteouts of the rw branch ' +
      'are no hard links. Default: the first is rw (unless the mount is ro), the others are ro. ' +
      'Docker gives lowerdir= and upperdir= instead: upperdir is the rw branch, the lower ones are ro+wh',
  },
  {
    kind: 'flag',
    word: 'noplink',
    opposite: 'plink',
    property: 'keepLinks',
    dialect: 'aufs',
    value: false,
    oppositeValue: true,
    default: true,
    help: 'hard links of a lower file are broken when one of them is copied up; plink (default): they stay one file',
  },
  {
    kind: 'value',
    word: 'diropq',
    property: 'alwaysOpaque',
    dialect: 'aufs',
    takes: choice({ always: true, a: true, whiteouted: false, w: false }),
    again: 'holds',
    default: false,
    help: 'always (a): each new directory is made opaque; whiteouted (w, default): only where needed',
  },
  {
    kind: 'unsupported',
    words: ['workdir'],
    dialect: 'aufs',
    message: 'workdir ignored: with -t aufs changes are prepared in the rw branch itself',
  },
  { kind: 'accepted', words: ['datadir+'], dialect: 'aufs', takes: NO_DATA_LAYER },
  // Inode numbers need no table (xino), and nothing else changes the branches (udba).
  {
    kind: 'accepted',
    words: ['xino', 'noxino', 'trunc_xino', 'notrunc_xino', 'trunc_xino_path', 'itrunc_xino', 'udba'],
    dialect: 'aufs',
  },
  // Options for which plyfs has nothing to tune.
  { kind: 'accepted', words: ['rdcache', 'rdblk', 'rdhash', 'dirwh', 'si', 'dio', 'nodio'], dialect: 'aufs' },
  { kind: 'accepted', words: ['dirperm1', 'nodirperm1', 'warn_perm', 'nowarn_perm'], dialect: 'aufs' },
  { kind: 'accepted', words: ['verbose', 'v', 'noverbose', 'nov', 'quiet', 'q'], dialect: 'aufs' },
  { kind: 'accepted', words: ['acl', 'noshwh', 'nosum', 'nodirren'], dialect: 'aufs' },
  { kind: 'unsupported', words: ['create', 'cpup'], supported: ['tdp', 'top-down-parent'], dialect: 'aufs' },
  { kind: 'unsupported', words: ['shwh', 'sum', 'wsum', 'dirren'], dialect: 'aufs' },
  { kind: 'unsupported', words: ['create_policy', 'copyup', 'fhsm_sec'], dialect: 'aufs' },
  // Changes of the branches of an existing mount.
  {
    kind: 'unsupported',
    words: ['add', 'ins', 'append', 'prepend', 'del', 'mod', 'imod'],
    separator: ':',
    dialect: 'aufs',
  },
] as const satisfies readonly OptionEntry[];
