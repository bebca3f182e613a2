/** What a script runs on: plyfs, and what it is compared with, over equal layers. */
import { once } from 'node:events';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { aufsForm, overlayForm, userxattrForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { LAYER_NAMES, type Layers } from '../conformance/tree.js';
import { type ForegroundMount, type Mounted, mountKernel } from '../harness/mounts.js';
import { type LayerDirs, makeLayerDirs } from '../harness/scratch.js';
import type { LayerItem } from './layers.js';
import type { Operation } from './operation.js';
import type { FormName } from './shell.js';

export interface MountedPair {
  readonly oracle: Mounted;
  readonly subject: Mounted;
  /** Unmounts both and waits for the server's end; what it said and should not have, or null. */
  end(): Promise<string | null>;
}

/**
 * The stages of a run, each over what the one before left on disk. A stage can be mounted again and again.
 */
export interface Stages {
  first(): Promise<MountedPair>;
  /**
   * Where it changes hands, the oracle shows now what the subject wrote, and the other way round; else each
   * its own.
   */
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
  /** The subject does what the oracle refuses, and is not asked to then; see deviations/. */
  readonly isAufs: boolean;
  /** What of an answer, or of what a tree shows of an object, is the same on both sides. */
  comparable(text: string): string;
  /** Whether both are mounted in a user namespace, in which a run has to be. */
  readonly inNamespace: boolean;
  /** Whether reading leaves the access times of lower layers alone. */
  readonly keepsAccessTimes: boolean;
  /** How the layers are stored. */
  readonly forms: { readonly oracle: FormName; readonly subject: FormName };
  /** Why it cannot be used here, or null. */
  unavailable(): string | null;
  /** What of a script's layers there can be here. */
  takes(item: LayerItem): LayerItem | null;
  /** Whether a step means nothing here and is left out. */
  omits(operation: Operation): boolean;
  /** Mounts the subject on these directories. */
  mount(dirs: LayerDirs): Promise<ForegroundMount>;
  /** The same without a process of ours to wait for, for one last look. */
  mountAlone(dirs: LayerDirs): Mounted;
  /** Options of the kernel's mount. */
  readonly oracleOptions: readonly string[];
  /** What `--steps` of the soak is given to compare these two. */
  readonly stepOptions: readonly string[];
  /** The subject's mount command in a shell script, for the directories of side `$1`. */
  readonly shellMount: string;
}

const FORMS = { overlay: overlayForm, userxattr: userxattrForm, aufs: aufsForm } as const;

/**
 * The mounts of both sides as functions of a shell script, each given the side whose directories it is to
 * mount.
 */
export function shellMountsOf({ oracleOptions, shellMount }: Target): string {
  const options = ['$(layers "$1")', ...oracleOptions].join(',');
  return `layers() {
  echo "lowerdir=$base/$1/lower1:$base/$1/lower2:$base/$1/lower3,upperdir=$base/$1/upper,workdir=$base/$1/work"
}
mount_oracle() { mount -t overlay overlay -o "${options}" "$base/$1/merged"; }
mount_plyfs() { ${shellMount}; }`;
}

/** Lays `layers` out below the empty directory `base`. */
export function lay(base: string, layers: Layers, target: Target): Stages {
  const ofOracle = layOut(join(base, 'oracle'), layers, target.forms.oracle);
  const ofSubject = layOut(join(base, 'plyfs'), layers, target.forms.subject);
  let last = ofSubject;
  const kernel = (dirs: LayerDirs): Mounted => mountKernel(dirs, target.oracleOptions);
  const pair = (oracles: LayerDirs, subjects: LayerDirs): Promise<MountedPair> => {
    last = subjects;
    return both(kernel(oracles), () => target.mount(subjects));
  };
  const { changesHands } = target;
  return {
    first: () => pair(ofOracle, ofSubject),
    second: () => (changesHands ? pair(ofSubject, ofOracle) : pair(ofOracle, ofSubject)),
    third: () => alone(changesHands ? kernel(ofOracle) : target.mountAlone(ofSubject)),
    untouched: [...(changesHands ? ofOracle.lowers : []), ...ofSubject.lowers],
    leftBehind: () =>
      target.isAufs
        ? leftIn(join(last.upper ?? '', '.wh..wh.orph'), () => false)
        : // One whiteout is kept there, to be linked to every name that is to be hidden, as the kernel does.
          leftIn(join(last.work, 'work'), overlayForm.isWhiteout),
  };
}

function layOut(base: string, layers: Layers, form: FormName): LayerDirs {
  mkdirSync(base);
  const dirs = makeLayerDirs(base);
  for (const name of LAYER_NAMES) materialize(join(base, name), layers[name] ?? {}, FORMS[form]);
  return dirs;
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
