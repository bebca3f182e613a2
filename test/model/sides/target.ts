/** The two sides that a script runs on: plyfs, and the file system it is compared with, over equal layers. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aufsForm, overlayForm, userxattrForm } from '../../conformance/forms.js';
import { materialize } from '../../conformance/materialize.js';
import { LAYER_NAMES, type Layers } from '../../conformance/tree.js';
import { type Mounted, mountKernel } from '../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs } from '../../harness/scratch.js';
import type { LayerItem } from '../script/layers.js';
import type { Operation } from '../script/operation.js';
import type { FormName } from '../script/shell.js';
import type { Subject } from './subject.js';

export interface MountedPair {
  readonly oracle: Mounted;
  readonly subject: Mounted;
  /** Unmounts both and waits for the server's end. Returns unexpected output of the server, or null. */
  end(): Promise<string | null>;
}

/**
 * The stages of a run. Each uses the layers that the previous one has left. A stage can be mounted
 * repeatedly.
 */
export interface Stages {
  first(): Promise<MountedPair>;
  /**
   * If the sides exchange their layers, the oracle now shows the layers that the subject has written, and the
   * other way round. Otherwise each shows its own.
   */
  second(): Promise<MountedPair>;
  /** Mounts the last layers of the subject again. */
  third(): MountedAlone;
  /** Directories that must not change. */
  readonly untouched: readonly string[];
  /** Returns files that the ended subject has left and should not have left, or null. */
  leftBehind(): string | null;
}

/** A mount for the last comparison. */
export interface MountedAlone {
  readonly mountpoint: string;
  end(): void;
}

export interface Target {
  readonly name: string;
  /** True: the two sides read each other's layers. */
  readonly swapsLayers: boolean;
  /**
   * True: the subject allows operations that the oracle refuses, and must not make them then; see
   * deviations/.
   */
  readonly isAufs: boolean;
  /** Returns the part of a result, or of the facts of an object, that must be equal on both sides. */
  comparable(text: string): string;
  /** True: both are mounted in a user namespace, in which a run must be. */
  readonly inNamespace: boolean;
  /** True: reads keep the access times of lower layers. */
  readonly keepsAccessTimes: boolean;
  /** The on-disk form of the layers. */
  readonly forms: { readonly oracle: FormName; readonly subject: FormName };
  /** The reason why it cannot be used here, or null. */
  unavailable(): string | null;
  /** Adapts an item of a script's layers to this target. null: the item is left out. */
  adapt(item: LayerItem): LayerItem | null;
  /** True: the step has no meaning here and is left out. */
  omits(operation: Operation): boolean;
  /** Mounts the subject on these directories. */
  mount(dirs: LayerDirs): Promise<Subject>;
  /** Mounts in the background, for the last comparison. */
  mountAlone(dirs: LayerDirs): Mounted;
  /** The options of the kernel's mount. */
  readonly oracleOptions: readonly string[];
  /** The arguments of the soak's `--steps` with which these two can be compared. */
  readonly stepOptions: readonly string[];
  /** The subject's mount command for a shell script, for the directories of side `$1`. */
  readonly shellMount: string;
}

const FORMS = { overlay: overlayForm, userxattr: userxattrForm, aufs: aufsForm } as const;

/**
 * Returns the mounts of both sides as functions of a shell script. The argument of each is the side whose
 * directories it mounts.
 */
export function shellMountsOf({ oracleOptions, shellMount }: Target): string {
  const options = ['$(layers "$1")', ...oracleOptions].join(',');
  return `layers() {
  echo "lowerdir=$base/$1/lower1:$base/$1/lower2:$base/$1/lower3,upperdir=$base/$1/upper,workdir=$base/$1/work"
}
mount_oracle() { mount -t overlay overlay -o "${options}" "$base/$1/merged"; }
mount_plyfs() { ${shellMount}; }`;
}

/** Makes `layers` below the empty directory `base`, once for each side. */
export function makeStages(base: string, layers: Layers, target: Target): Stages {
  const ofOracle = layOut(join(base, 'oracle'), layers, target.forms.oracle);
  const ofSubject = layOut(join(base, 'plyfs'), layers, target.forms.subject);
  let last = ofSubject;
  const kernel = (dirs: LayerDirs): Mounted => mountKernel(dirs, target.oracleOptions);
  const pair = (oracles: LayerDirs, subjects: LayerDirs): Promise<MountedPair> => {
    last = subjects;
    return both(kernel(oracles), () => target.mount(subjects));
  };
  const { swapsLayers } = target;
  return {
    first: () => pair(ofOracle, ofSubject),
    second: () => (swapsLayers ? pair(ofSubject, ofOracle) : pair(ofOracle, ofSubject)),
    third: () => alone(swapsLayers ? kernel(ofOracle) : target.mountAlone(ofSubject)),
    untouched: [...(swapsLayers ? ofOracle.lowers : []), ...ofSubject.lowers],
    leftBehind: () =>
      target.isAufs
        ? leftIn(join(last.upper ?? '', '.wh..wh.orph'), () => false)
        : // The directory keeps one whiteout, of which all others are links, as in the kernel.
          leftIn(join(last.work, 'work'), overlayForm.isWhiteout),
  };
}

function layOut(base: string, layers: Layers, form: FormName): LayerDirs {
  mkdirSync(base);
  const dirs = makeLayerDirs(base);
  for (const name of LAYER_NAMES) materialize(join(base, name), layers[name] ?? {}, FORMS[form]);
  return dirs;
}

/** Returns the names in the directory of unfinished changes, except those that `may` allows, or null. */
function leftIn(directory: string, may: (directory: string, name: string) => boolean): string | null {
  const names = readdirSync(directory).filter((name) => !may(directory, name));
  return names.length === 0 ? null : `${directory} holds ${names.join(' ')}`;
}

function alone({ mountpoint, unmount }: Mounted): MountedAlone {
  return { mountpoint, end: unmount };
}

async function both(oracle: Mounted, mountSubject: () => Promise<Subject>): Promise<MountedPair> {
  let subject: Subject;
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
      await subject.ended();
      return subject.complaint();
    },
  };
}
