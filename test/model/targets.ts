/** The targets of the model test. */
import {
  aufsArguments,
  kernelFeatures,
  kernelOverlayUnavailable,
  mountAufs,
  mountForeground,
  mountPlyfs,
  mountsUnavailable,
} from '../harness/mounts.js';
import * as sys from '../harness/sys/index.js';
import type { LayerItem } from './layers.js';
import type { Target } from './target.js';

function unavailable(): string | null {
  return mountsUnavailable() ?? kernelOverlayUnavailable();
}

/** `features` are given to both, `options` to plyfs. */
export function overlayTarget(features: readonly string[], options: readonly string[] = []): Target {
  const all = [...features, ...options];
  return {
    name: ['overlay', ...all].join(' '),
    changesHands: true,
    isAufs: false,
    comparable: (text) => text,
    stepOptions: [],
    inNamespace: false,
    keepsAccessTimes: true,
    forms: { oracle: 'overlay', subject: 'overlay' },
    unavailable,
    takes: (item) => item,
    omits: () => false,
    mount: (dirs) => mountForeground(dirs, all),
    mountAlone: (dirs) => mountPlyfs(dirs, all),
    oracleOptions: kernelFeatures(features),
    shellMount: `"$plyfs/bin/plyfs" mount -o "${['$(layers "$1")', ...all].join(',')}" "$base/$1/merged"`,
  };
}

/**
 * aufs branches beside the kernel's overlayfs.
 * @param features of the kernel's: without an index hard links part when they are copied up, as they do
 * without pseudo-links
 */
function aufsTarget(options: readonly string[], features: readonly string[] = []): Target {
  const branches = ['upper=rw', 'lower1=ro+wh', 'lower2=ro+wh', 'lower3=ro+wh'].map((branch) => `$base/$1/${branch}`);
  return {
    ...overlayTarget(features),
    name: ['aufs', ...options].join(' '),
    changesHands: false,
    isAufs: true,
    stepOptions: ['--aufs'],
    forms: { oracle: 'overlay', subject: 'aufs' },
    mount: (dirs) => mountForeground(dirs, [], aufsArguments(dirs, options)),
    mountAlone: (dirs) => mountAufs(dirs, options),
    shellMount: `"$plyfs/bin/plyfs" mount -t aufs -o "br:${branches.join(':')},${options.join(',')}" "$base/$1/merged"`,
  };
}

/**
 * With pseudo-links, and an index on the other side: hard links of a lower layer stay one file in both. The
 * kernel goes on counting names that were hidden from the beginning; plyfs counts those that there are, once
 * the server before it has made links of them.
 */
function plinksTarget(more: readonly string[]): Target {
  const target = aufsTarget(['plink', ...more], ['index=on']);
  return { ...target, comparable: withoutLinksOfFiles, stepOptions: ['--aufs', '--plinks'] };
}

export function withoutLinksOfFiles(text: string): string {
  return text.replace(/(\b10\d{4} (?:[^"]* )?nlink=)\d+/, '$1some');
}

/** Owners, modes and kinds in xattrs: an upper that is empty at first, and no ACLs. */
function overridesTarget(more: readonly string[]): Target {
  return {
    ...overlayTarget([], ['xattr_permissions=2', ...more]),
    changesHands: false,
    takes: (item) => (item.layer === 'upper' ? null : withoutXattrs(item, 'system.')),
    // `security.` attributes are kept as `user.` ones there, which a symlink cannot have.
    omits: ({ call, arguments: { name } }) =>
      ACL_CALLS.includes(call) || call === 'setCapability' || String(name).startsWith('security.'),
  };
}

const ACL_CALLS = ['setAcl', 'getAcl', 'removeAcl'];

/** Both mounted by the root of a user namespace, who is not the machine's. */
function rootlessTarget(options: readonly string[]): Target {
  const target = overlayTarget(['userxattr'], options);
  return {
    ...target,
    name: ['rootless', target.name].join(' '),
    inNamespace: true,
    // Mounts of the machine's root keep their access times there; nobody in the namespace can have one
    // without.
    keepsAccessTimes: false,
    forms: { oracle: 'userxattr', subject: 'userxattr' },
    // userxattr excludes redirects, also `off` (fs/overlayfs/params.c:ovl_fs_params_verify).
    oracleOptions: ['userxattr', 'index=off', 'xino=off'],
    unavailable: () => unavailable() ?? (inUserNamespace() ? null : 'not in a user namespace'),
    takes: ({ entry, ...item }) =>
      entry.kind === 'special' && entry.type === sys.S_IFCHR ? null : withoutXattrs({ ...item, entry }, 'trusted.'),
  };
}

/** scripts/in-namespace.mjs says so. */
function inUserNamespace(): boolean {
  return process.env.PLYFS_IN_NAMESPACE === '1';
}

function withoutXattrs({ entry, ...item }: LayerItem, prefix: string): LayerItem {
  if (entry.kind === 'whiteout' || entry.facts.xattrs === undefined) return { ...item, entry };
  const kept = Object.entries(entry.facts.xattrs).filter(([name]) => !name.startsWith(prefix));
  return { ...item, entry: { ...entry, facts: { ...entry.facts, xattrs: Object.fromEntries(kept) } } };
}

const ALL_FEATURES = ['redirect_dir=on', 'metacopy=on', 'index=on'];

/** Steps of a run before and after the mounts change hands. */
export const STEPS = [400, 250] as const;
/** What the kernel forgets it must have known: longer ones. */
export const FORGETFUL_STEPS = [2000, 1000] as const;

/** Together 13,000 operations in the default test run; `npm run soak` has as many as you like. */
export const TARGETS: readonly { readonly target: Target; readonly runs: number }[] = [
  { target: overlayTarget([]), runs: 6 },
  { target: overlayTarget(['redirect_dir=on', 'metacopy=on']), runs: 5 },
  { target: overlayTarget(ALL_FEATURES), runs: 5 },
  { target: aufsTarget(['noplink']), runs: 4 },
];

/**
 * What a kernel that forgets is tried with: each dialect and set of features with the ways to do I/O, and
 * with what the kernel may keep for ever, for a moment, or not at all.
 */
export const FORGETFUL_TARGETS: readonly Target[] = [
  overlayTarget([]),
  overlayTarget([], ['passthrough=off']),
  overlayTarget(ALL_FEATURES),
  aufsTarget(['noplink']),
  overlayTarget(['index=on'], ['passthrough=off']),
  overlayTarget([], ['timeout=0']),
  aufsTarget(['noplink', 'passthrough=off', 'timeout=0']),
  overlayTarget(['redirect_dir=on', 'metacopy=on'], ['timeout=0.005']),
  overlayTarget(ALL_FEATURES, ['passthrough=off', 'timeout=0']),
  overridesTarget([]),
  overridesTarget(['passthrough=off']),
  plinksTarget([]),
  plinksTarget(['passthrough=off']),
];

export const FORGETFUL_ROOTLESS_TARGETS: readonly Target[] = [
  rootlessTarget([]),
  rootlessTarget(['timeout=0']),
  rootlessTarget(['timeout=0.005']),
];
