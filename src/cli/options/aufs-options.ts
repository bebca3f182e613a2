/** The options that only `-t aufs` takes (aufs(5)). */
import type { MountConfig } from '../../server/config/mount-config.js';
import { printable } from '../../server/config/mount-error.js';
import { branchesFrom } from './aufs-branches.js';
import type { GivenOption } from './option-list.js';
import { invalid } from './option-value.js';

/** What {@link takeAufsOptions} leaves. */
export interface AufsRest {
  /** For the table of all mounts. */
  readonly rest: GivenOption[];
  /** One line for each thing that was asked for and is not so. */
  readonly warnings: string[];
}

type Setter = (config: MountConfig, value: string | undefined) => void;

/** Options that change how the union behaves. */
const SETTINGS: ReadonlyMap<string, Setter> = new Map<string, Setter>([
  ['plink', (config) => setAufs(config, { keepLinks: true })],
  ['noplink', (config) => setAufs(config, { keepLinks: false })],
  ['diropq', (config, value) => setAufs(config, { alwaysOpaque: alwaysOpaque(value) })],
]);

/**
 * Options that mean nothing here: inode numbers need no table (xino), nobody else changes the branches
 * (udba), and what aufs tunes with the others has no counterpart. A pattern says which values are the case
 * anyway.
 */
const SILENT: ReadonlyMap<string, RegExp | undefined> = new Map([
  ...['xino', 'noxino', 'udba', 'rdcache', 'rdblk', 'rdhash', 'dirwh', 'si'].map((name) => [name, undefined] as const),
  ...['trunc_xino', 'notrunc_xino', 'trunc_xino_path', 'itrunc_xino'].map((name) => [name, undefined] as const),
  ...['dio', 'nodio', 'dirperm1', 'nodirperm1', 'warn_perm', 'nowarn_perm'].map((name) => [name, undefined] as const),
  ...['verbose', 'v', 'noverbose', 'nov', 'quiet', 'q', 'acl', 'noshwh', 'nosum', 'nodirren'].map(
    (name) => [name, undefined] as const,
  ),
  ['create', /^(tdp|top-down-parent)$/],
  ['cpup', /^(tdp|top-down-parent)$/],
]);

/** Options of aufs that plyfs knows and does not do. */
const NOT_HONOURED = new Set([
  'shwh',
  'sum',
  'wsum',
  'dirren',
  'create',
  'cpup',
  'create_policy',
  'copyup',
  'fhsm_sec',
]);
/** Changes of the branches of a live mount. */
const CHANGES = /^(add|ins|append|prepend|del|mod|imod)([:=]|$)/;

/** Applies what is aufs's own of the options, in their order. */
export function takeAufsOptions(options: readonly GivenOption[], config: MountConfig): AufsRest {
  const rest: GivenOption[] = [];
  const warnings: string[] = [];
  let branches: string | undefined;
  for (const option of options) {
    const list = branchList(option);
    if (list !== undefined) {
      if (branches !== undefined && branches !== list) throw invalid('br', list, 'given twice');
      branches = list;
    } else if (!takeOption(option, config, warnings)) rest.push(option);
  }
  if (branches !== undefined) setBranches(config, branches, rest, warnings);
  return { rest, warnings };
}

/**
 * `br:LIST`, `br=LIST` or `dirs=LIST`. The option list was cut at the first `=`, which is inside LIST in the
 * first form.
 */
function branchList({ name, value }: GivenOption): string | undefined {
  if (name.startsWith('br:')) return value === undefined ? name.slice(3) : `${name.slice(3)}=${value}`;
  return name === 'br' || name === 'dirs' ? (value ?? '') : undefined;
}

function takeOption({ name, value }: GivenOption, config: MountConfig, warnings: string[]): boolean {
  const set = SETTINGS.get(name);
  if (set !== undefined) {
    set(config, value);
    return true;
  }
  if (SILENT.has(name) && (SILENT.get(name)?.test(value ?? '') ?? true)) return true;
  const given = printable(value === undefined ? name : `${name}=${value}`);
  if (name === 'workdir') {
    warnings.push(`workdir ignored: with -t aufs changes are prepared in the rw branch itself`);
    return true;
  }
  if (!NOT_HONOURED.has(name) && !CHANGES.test(name)) return false;
  warnings.push(`option of aufs that plyfs does not honour: ${given}`);
  return true;
}

function setBranches(config: MountConfig, list: string, rest: readonly GivenOption[], warnings: string[]): void {
  const both = rest.find(({ name }) => name === 'lowerdir' || name === 'upperdir');
  if (both !== undefined) throw invalid(both.name, both.value, 'contradicts br');
  const readOnly = rest.filter(({ name }) => name === 'ro' || name === 'rw').at(-1)?.name === 'ro';
  const branches = branchesFrom(list, readOnly, warnings);
  const [first] = branches;
  const lowers = first?.writable === true ? branches.slice(1) : branches;
  if (first?.writable === true) config.upper = first.path;
  config.lowers = lowers.map(({ path }) => path);
  setAufs(config, {
    ignoresWhiteouts: lowers.flatMap(({ honoursWhiteouts }, i) => (honoursWhiteouts ? [] : [i])),
    linkWhiteouts: first?.linkWhiteouts ?? true,
  });
}

function setAufs(config: MountConfig, settings: Partial<MountConfig['aufs']>): void {
  config.aufs = { ...config.aufs, ...settings };
}

function alwaysOpaque(value: string | undefined): boolean {
  switch (value) {
    case 'a':
    case 'always':
      return true;
    case 'w':
    case 'whiteouted':
      return false;
    default:
      throw invalid('diropq', value, 'must be always (a) or whiteouted (w)');
  }
}

/** Help for what this file parses. */
export function describeAufsOptions(): string {
  return AUFS_HELP.map(([spelling, help]) => `  ${spelling.padEnd(24)} ${help}`).join('\n');
}

const AUFS_HELP: readonly (readonly [string, string])[] = [
  ['br:DIR[=PERM][:DIR...]', 'the branches, top first; also br= and dirs=. PERM is rw, ro or rr, and attributes:'],
  ['', '+wh: whiteouts in a ro or rr branch count (in a rw branch they always do); +nolwh: whiteouts of'],
  ['', 'the rw branch are no hard links. Default: the first rw (unless -o ro), the others ro'],
  ['lowerdir=, upperdir=', 'instead of br: upperdir is the rw branch, the lower ones are ro+wh, as Docker gives them'],
  ['noplink', 'hard links of a lower file part when it is copied up (plink: they stay one file; default)'],
  ['diropq=always|whiteouted', 'always: each new directory is made opaque; whiteouted (default): where it is needed'],
];
