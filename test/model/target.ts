/** What a script runs on: plyfs, and what it is compared with, over equal layers. */
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aufsForm, overlayForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { LAYER_NAMES, type Layers } from '../conformance/tree.js';
import {
  aufsArguments,
  type ForegroundMount,
  kernelFeatures,
  kernelOverlayUnavailable,
  type Mounted,
  mountAufs,
  mountForeground,
  mountKernel,
  mountsUnavailable,
} from '../harness/mounts.js';
import { type LayerDirs, makeLayerDirs } from '../harness/scratch.js';
import type { FormName } from './shell.js';

export interface MountedPair {
  readonly oracle: Mounted;
  readonly subject: Mounted;
  /** Unmounts both and waits for the server's end; what it said and should not have, or null. */
  end(): Promise<string | null>;
}

/** The stages of a run, each over what the one before left on disk. */
export interface Stages {
  first(): Promise<MountedPair>;
  /** Where it changes hands, the oracle shows now what the subject wrote, and the other way round; else each its own. */
  second(): Promise<MountedPair>;
  /** Once more over what the subject left last. */
  third(): MountedAlone;
  /** Directories in which nothing may change. */
  readonly untouched: readonly string[];
  /** What a subject that has ended left behind and should not have; null: nothing. */
  leftBehind(): string | null;
}

/** What is mounted for one last look. */
export interface MountedAlone {
  readonly mountpoint: string;
  end(): void;
}

export interface Target {
  readonly name: string;
  /** Whether the two sides read each other's layers. */
  readonly changesHands: boolean;
  /** The subject does what the oracle refuses, and is not asked to then; see deviations.ts. */
  readonly isAufs: boolean;
  /** How the subject's layers are stored. */
  readonly form: FormName;
  /** Why it cannot be used here, or null. */
  unavailable(): string | null;
  /** The same in a shell script: functions that mount the sides' directories, and the mounts that change hands. */
  readonly shellMounts: string;
  readonly shellSecond: string;
  /** The sides' directories in the second part: first the oracle's, then the subject's. */
  readonly shellSides: string;
  /** Lays `layers` out below the empty directory `base`. */
  lay(base: string, layers: Layers): Stages;
}

const FORMS = { overlay: overlayForm, aufs: aufsForm } as const;

const LAYERS_IN_SHELL = `layers() {
  echo "lowerdir=$base/$1/lower1:$base/$1/lower2:$base/$1/lower3,upperdir=$base/$1/upper,workdir=$base/$1/work"
}`;

function oracleInShell(features: readonly string[]): string {
  const options = ['$(layers "$1")', ...kernelFeatures(features)].join(',');
  return `mount_oracle() { mount -t overlay overlay -o "${options}" "$base/$1/merged"; }`;
}

function unavailable(): string | null {
  return mountsUnavailable() ?? kernelOverlayUnavailable();
}

/** Both with the same options. */
export function overlayTarget(features: readonly string[]): Target {
  return {
    name: ['overlay', ...features].join(' '),
    changesHands: true,
    isAufs: false,
    form: 'overlay',
    unavailable,
    shellMounts: `${LAYERS_IN_SHELL}
${oracleInShell(features)}
mount_plyfs() { "$plyfs/bin/plyfs" mount -o "${['$(layers "$1")', ...features].join(',')}" "$base/$1/merged"; }`,
    shellSecond: 'mount_oracle plyfs\nmount_plyfs oracle',
    shellSides: 'plyfs oracle',
    lay: (base, layers) => layOverlay(base, layers, features),
  };
}

/** aufs branches beside the kernel's overlayfs; without pseudo-links, so that hard links part in both. */
export const aufsTarget: Target = {
  name: 'aufs noplink',
  changesHands: false,
  isAufs: true,
  form: 'aufs',
  unavailable,
  shellMounts: `${LAYERS_IN_SHELL}
branches() { echo "br:$base/$1/upper=rw:$base/$1/lower1=ro+wh:$base/$1/lower2=ro+wh:$base/$1/lower3=ro+wh"; }
${oracleInShell([])}
mount_plyfs() { "$plyfs/bin/plyfs" mount -t aufs -o "$(branches "$1"),noplink" "$base/$1/merged"; }`,
  shellSecond: 'mount_oracle oracle\nmount_plyfs plyfs',
  shellSides: 'oracle plyfs',
  lay: layAufs,
};

function layDirectories(base: string, layers: Layers, form: FormName): [LayerDirs, LayerDirs] {
  return (['oracle', 'plyfs'] as const).map((side) => {
    mkdirSync(join(base, side));
    const dirs = makeLayerDirs(join(base, side));
    const stored = FORMS[side === 'plyfs' ? form : 'overlay'];
    for (const name of LAYER_NAMES) materialize(join(base, side, name), layers[name] ?? {}, stored);
    return dirs;
  }) as [LayerDirs, LayerDirs];
}

function layOverlay(base: string, layers: Layers, features: readonly string[]): Stages {
  const [ofOracle, ofSubject] = layDirectories(base, layers, 'overlay');
  let last = ofSubject;
  const kernel = (dirs: LayerDirs): Mounted => mountKernel(dirs, kernelFeatures(features));
  const plyfs = (dirs: LayerDirs): Promise<ForegroundMount> => {
    last = dirs;
    return mountForeground(dirs, features);
  };
  return {
    first: () => both(kernel(ofOracle), () => plyfs(ofSubject)),
    second: () => both(kernel(ofSubject), () => plyfs(ofOracle)),
    third: () => alone(kernel(ofOracle)),
    untouched: [...ofOracle.lowers, ...ofSubject.lowers],
    // One whiteout is kept there, to be linked to every name that is to be hidden, as the kernel does.
    leftBehind: () => leftIn(join(last.work, 'work'), overlayForm.isWhiteout),
  };
}

function layAufs(base: string, layers: Layers): Stages {
  const [ofOracle, ofSubject] = layDirectories(base, layers, 'aufs');
  const options = ['noplink'];
  const pair = (): Promise<MountedPair> =>
    both(mountKernel(ofOracle), () => mountForeground(ofSubject, [], aufsArguments(ofSubject, options)));
  return {
    first: pair,
    second: pair,
    third: () => alone(mountAufs(ofSubject, options)),
    untouched: ofSubject.lowers,
    leftBehind: () => leftIn(join(ofSubject.upper ?? '', '.wh..wh.orph'), () => false),
  };
}

/** What lies in the directory where changes are prepared, but for what `may`. */
function leftIn(directory: string, may: (directory: string, name: string) => boolean): string | null {
  const names = readdirSync(directory).filter((name) => !may(directory, name));
  return names.length === 0 ? null : `${directory} holds ${names.join(' ')}`;
}

function alone({ mountpoint, unmount }: Mounted): MountedAlone {
  return { mountpoint, end: unmount };
}

async function both(oracle: Mounted, mountSubject: () => Promise<ForegroundMount>): Promise<MountedPair> {
  let subject: ForegroundMount;
  try {
    subject = await mountSubject();
  } catch (error) {
    oracle.unmount();
    throw error;
  }
  return {
    oracle,
    subject,
    end: async () => {
      try {
        oracle.unmount();
      } finally {
        subject.unmount();
      }
      const { server } = subject;
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      const status = server.exitCode ?? server.signalCode;
      if (status !== 0) return `the server ended with ${status}: ${subject.log()}`;
      return subject.log() === '' ? null : `the server said: ${subject.log()}`;
    },
  };
}
