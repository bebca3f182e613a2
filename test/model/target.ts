/** What a script runs on: plyfs, and what it is compared with, over equal layers. */
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { overlayForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { LAYER_NAMES, type Layers } from '../conformance/tree.js';
import {
  type ForegroundMount,
  kernelFeatures,
  kernelOverlayUnavailable,
  type Mounted,
  mountForeground,
  mountKernel,
  mountsUnavailable,
} from '../harness/mounts.js';
import { type LayerDirs, makeLayerDirs } from '../harness/scratch.js';
import * as sys from '../harness/sys/index.js';

export interface MountedPair {
  readonly oracle: Mounted;
  readonly subject: Mounted;
  /** Unmounts both and waits for the server's end; what it said and should not have, or null. */
  end(): Promise<string | null>;
}

/** The stages of a run, each over what the one before left on disk. */
export interface Stages {
  first(): Promise<MountedPair>;
  /** What `first` left has changed hands: the oracle shows what the subject wrote, and the other way round. */
  second(): Promise<MountedPair>;
  /** The oracle once more, over what the subject left last. */
  third(): Mounted;
  /** Directories in which nothing may change. */
  readonly untouched: readonly string[];
  /** What a subject that has ended left behind and should not have; null: nothing. */
  leftBehind(): string | null;
}

export interface Target {
  readonly name: string;
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

/** Both with the same options; those that need more of plyfs than others are named by what they are. */
export function overlayTarget(features: readonly string[]): Target {
  return {
    name: ['overlay', ...features].join(' '),
    unavailable: () => mountsUnavailable() ?? kernelOverlayUnavailable(),
    shellMounts: `layers() {
  echo "lowerdir=$base/$1/lower1:$base/$1/lower2:$base/$1/lower3,upperdir=$base/$1/upper,workdir=$base/$1/work"
}
mount_oracle() { mount -t overlay overlay -o "$(layers "$1"),${kernelFeatures(features).join(',')}" "$base/$1/merged"; }
mount_plyfs() { "$plyfs/bin/plyfs" mount -o "${['$(layers "$1")', ...features].join(',')}" "$base/$1/merged"; }`,
    shellSecond: 'mount_oracle plyfs\nmount_plyfs oracle',
    shellSides: 'plyfs oracle',
    lay: (base, layers) => layOverlay(base, layers, features),
  };
}

function layOverlay(base: string, layers: Layers, features: readonly string[]): Stages {
  const [ofOracle, ofSubject] = ['kernel', 'plyfs'].map((side) => {
    mkdirSync(join(base, side));
    const dirs = makeLayerDirs(join(base, side));
    for (const name of LAYER_NAMES) materialize(join(base, side, name), layers[name] ?? {});
    return dirs;
  }) as [LayerDirs, LayerDirs];
  let last = ofSubject;
  const kernel = (dirs: LayerDirs): Mounted => mountKernel(dirs, kernelFeatures(features));
  const plyfs = (dirs: LayerDirs): Promise<ForegroundMount> => {
    last = dirs;
    return mountForeground(dirs, features);
  };
  return {
    first: () =>
      both(
        () => kernel(ofOracle),
        () => plyfs(ofSubject),
      ),
    second: () =>
      both(
        () => kernel(ofSubject),
        () => plyfs(ofOracle),
      ),
    third: () => kernel(ofOracle),
    untouched: [...ofOracle.lowers, ...ofSubject.lowers],
    leftBehind: () => {
      // One whiteout is kept there, to be linked to every name that is to be hidden, as the kernel does.
      const work = join(last.work, 'work');
      const names = readdirSync(work).filter((name) => isLeftover(work, name));
      return names.length === 0 ? null : `the work directory holds ${names.join(' ')}`;
    },
  };
}

function isLeftover(directory: string, name: string): boolean {
  try {
    return !overlayForm.isWhiteout(directory, name);
  } catch (error) {
    // Gone since it was listed.
    if (error instanceof sys.SysError && error.code === 'ENOENT') return false;
    throw error;
  }
}

async function both(mountOracle: () => Mounted, mountSubject: () => Promise<ForegroundMount>): Promise<MountedPair> {
  const oracle = mountOracle();
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
