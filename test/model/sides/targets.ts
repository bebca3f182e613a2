/** The targets of the model test. */
import {
  aufsArguments,
  kernelFeatures,
  kernelOverlayUnavailable,
  mountAufs,
  mountPlyfs,
  mountsUnavailable,
  overlayOptions,
} from '../../harness/mounts.js';
import * as sys from '../../harness/sys/index.js';
import type { LayerItem } from '../script/layers.js';
import { mountSubject } from './subject.js';
import type { Target } from './target.js';

function unavailable(): string | null {
  return mountsUnavailable() ?? kernelOverlayUnavailable();
}

/** Returns a target. Both sides get `features`, and plyfs also `options`. */
export function overlayTarget(features: readonly string[], options: readonly string[] = []): Target {
  const all = [...features, ...options];
  return {
    name: ['overlay', ...all].join(' '),
    swapsLayers: true,
    isAufs: false,
    comparable: (text) => text,
    stepOptions: [],
    inNamespace: false,
    keepsAccessTimes: true,
    forms: { oracle: 'overlay', subject: 'overlay' },
    unavailable,
    adapt: (item) => item,
    omits: () => false,
    mount: (dirs) =>
      mountSubject(dirs, ['-o', overlayOptions(dirs, all)], (more) => mountPlyfs(dirs, [...all, ...more])),
    mountAlone: (dirs) => mountPlyfs(dirs, all),
    oracleOptions: kernelFeatures(features),
    shellMount: `"$plyfs/bin/plyfs" mount -o "${['$(layers "$1")', ...all].join(',')}" "$base/$1/merged"`,
  };
}

/**
 * Returns a target with aufs branches on plyfs, and the kernel's overlayfs as oracle.
 * @param features the kernel's features. Without an index, a copy-up breaks hard links, as it does without
 * pseudo-links
 */
function aufsTarget(options: readonly string[], features: readonly string[] = []): Target {
  const branches = ['upper=rw', 'lower1=ro+wh', 'lower2=ro+wh', 'lower3=ro+wh'].map((branch) => `$base/$1/${branch}`);
  return {
    ...overlayTarget(features),
    name: ['aufs', ...options].join(' '),
    swapsLayers: false,
    isAufs: true,
    stepOptions: ['--aufs'],
    forms: { oracle: 'overlay', subject: 'aufs' },
    mount: (dirs) => mountSubject(dirs, aufsArguments(dirs, options), (more) => mountAufs(dirs, [...options, ...more])),
    mountAlone: (dirs) => mountAufs(dirs, options),
    shellMount: `"$plyfs/bin/plyfs" mount -t aufs -o "br:${branches.join(':')},${options.join(',')}" "$base/$1/merged"`,
  };
}

/**
 * Returns a target with pseudo-links on plyfs and an index on the kernel: hard links of a lower layer stay
 * one file on both. The kernel also counts names that were hidden from the beginning. plyfs counts the
 * existing names, after the previous server has made links of them.
 */
function plinksTarget(more: readonly string[]): Target {
  const target = aufsTarget(['plink', ...more], ['index=on']);
  return { ...target, comparable: withoutLinksOfFiles, stepOptions: ['--aufs', '--plinks'] };
}

export function withoutLinksOfFiles(text: string): string {
  return text.replace(/(\b10\d{4} (?:[^"]* )?nlink=)\d+/, '$1some');
}

/**
 * Returns a target with owners, modes and types in xattrs: the upper is empty at first, and there are no
 * ACLs.
 */
function overridesTarget(more: readonly string[]): Target {
  return {
    ...overlayTarget([], ['xattr_permissions=2', ...more]),
    swapsLayers: false,
    adapt: (item) => (item.layer === 'upper' ? null : withoutXattrs(item, 'system.')),
    // plyfs stores `security.` attributes as `user.` ones there, which a symlink cannot have.
    omits: ({ call, arguments: { name } }) =>
      ACL_CALLS.includes(call) || call === 'setCapability' || String(name).startsWith('security.'),
  };
}

const ACL_CALLS = ['setAcl', 'getAcl', 'removeAcl'];

/** Returns a target whose sides the root of a user namespace mounts, who is not the machine's root. */
function rootlessTarget(options: readonly string[]): Target {
  const target = overlayTarget(['userxattr'], options);
  return {
    ...target,
    name: ['rootless', target.name].join(' '),
    inNamespace: true,
    // Mounts of the machine's root keep access times. No process in the namespace can make a mount that does.
    keepsAccessTimes: false,
    forms: { oracle: 'userxattr', subject: 'userxattr' },
    // userxattr excludes redirects, also `off` (fs/overlayfs/params.c:ovl_fs_params_verify).
    oracleOptions: ['userxattr', 'index=off', 'xino=off'],
    unavailable: () => unavailable() ?? (inUserNamespace() ? null : 'not in a user namespace'),
    adapt: ({ entry, ...item }) =>
      entry.kind === 'special' && entry.type === sys.S_IFCHR ? null : withoutXattrs({ ...item, entry }, 'trusted.'),
  };
}

/** scripts/in-namespace.mjs sets this variable. */
function inUserNamespace(): boolean {
  return process.env.PLYFS_IN_NAMESPACE === '1';
}

function withoutXattrs({ entry, ...item }: LayerItem, prefix: string): LayerItem {
  if (entry.kind === 'whiteout' || entry.facts.xattrs === undefined) return { ...item, entry };
  const kept = Object.entries(entry.facts.xattrs).filter(([name]) => !name.startsWith(prefix));
  return { ...item, entry: { ...entry, facts: { ...entry.facts, xattrs: Object.fromEntries(kept) } } };
}

const ALL_FEATURES = ['redirect_dir=on', 'metacopy=on', 'index=on'];

/** The number of steps of a run before and after the sides exchange their layers. */
export const STEPS = [400, 250] as const;
/** Longer runs, because the kernel can only forget what it has known. */
export const FORGETFUL_STEPS = [2000, 1000] as const;

/** The targets of the default test run, together 13,000 operations. `npm run soak` makes any number. */
export const TARGETS: readonly { readonly target: Target; readonly runs: number }[] = [
  { target: overlayTarget([]), runs: 6 },
  { target: overlayTarget(['redirect_dir=on', 'metacopy=on']), runs: 5 },
  { target: overlayTarget(ALL_FEATURES), runs: 5 },
  { target: aufsTarget(['noplink']), runs: 4 },
];

/**
 * The targets for a kernel that forgets: each dialect and set of features with each way of I/O, and with
 * caches of the kernel that last forever, for a moment, or not at all.
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
