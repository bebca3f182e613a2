/**
 * Runs cases with layers on other file systems. A case can fail because the file system lacks a feature.
 * Therefore each case first runs on the kernel's overlayfs over the same layers. If it passes there, it must
 * pass on plyfs.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { FileSystem, MountedFileSystem } from '../harness/filesystems.js';
import { type Mounted, mountKernel, mountPlyfs } from '../harness/mounts.js';
import type { LayerDirs } from '../harness/scratch.js';
import type { Case } from './case.js';
import { overlayForm } from './forms.js';
import { materialize } from './materialize.js';
import { missingCapabilities, runCase } from './run-case.js';
import type { OpenTarget, Target } from './targets/target.js';
import {
  featuredKernel,
  featuredPlyfs,
  kernelFeatures,
  kernelOverlay,
  plyfsFeatures,
  plyfsOverlay,
  treeOf,
} from './targets/union.js';
import { asEntry, LAYER_NAMES, type LayerName, type Tree } from './tree.js';

/** The layers that are on the file system. */
export type Role = 'lower' | 'upper';

const ON: Readonly<Record<Role, readonly LayerName[]>> = { lower: ['lower1', 'lower2', 'lower3'], upper: ['upper'] };

/** The mount functions of the two unions. */
export interface Mode {
  readonly mountKernel: (layers: LayerDirs) => Mounted;
  readonly mountPlyfs: (layers: LayerDirs) => Mounted;
  /** The targets whose capabilities the two unions have. */
  readonly targets: readonly Target[];
}

export const PLAIN: Mode = {
  mountKernel: (layers) => mountKernel(layers),
  mountPlyfs: (layers) => mountPlyfs(layers),
  targets: [kernelOverlay, plyfsOverlay],
};
/** `redirect_dir=on,metacopy=on,index=on`. */
export const FEATURED: Mode = {
  mountKernel: featuredKernel,
  mountPlyfs: featuredPlyfs,
  targets: [kernelFeatures, plyfsFeatures],
};

/** Returns the cases that can run with the layers of `role` on `system`. */
export function casesOn(system: FileSystem, role: Role, mode: Mode, cases: readonly Case[]): Case[] {
  return cases.filter((one) => {
    const missing = mode.targets.flatMap((target) => missingCapabilities(one, target));
    return missing.length === 0 && (system.showsMarks || !ON[role].some((layer) => hasMarks(one.layers[layer] ?? {})));
  });
}

/** Whether the tree has objects that a union below it would treat as its own marks. */
function hasMarks(tree: Tree): boolean {
  return Object.values(tree)
    .map(asEntry)
    .some((entry) => {
      if (entry.kind === 'whiteout') return true;
      if (Object.keys(entry.facts.xattrs ?? {}).some((name) => name.startsWith('trusted.overlay.'))) return true;
      return entry.kind === 'directory' && (entry.opaque || hasMarks(entry.entries));
    });
}

/** A union whose layers of one role are on the file system. */
interface Union {
  readonly opened: OpenTarget;
  readonly layers: LayerDirs;
  remount(mount: (layers: LayerDirs) => Mounted): void;
}

export class Layered {
  private readonly unions: Union[] = [];
  private mounted: MountedFileSystem | null = null;
  /** The kernel's overlayfs and plyfs, each with its own upper, on the same lowers. */
  readonly kernel: Union;
  readonly plyfs: Union;
  /** The reason why the kernel's overlayfs has its upper on another file system, or null if it has not. */
  readonly kernelElsewhere: string | null;

  /** Makes the layers below the empty directory `base`, and mounts both unions. */
  constructor(system: FileSystem, role: Role, mode: Mode, cases: readonly Case[], base: string) {
    const at = (...names: string[]): string => join(base, ...names);
    for (const name of ['on', 'content', 'off']) mkdirSync(at(name));
    const locations = new Map<string, string>();
    for (const who of ['kernel', 'plyfs'] as const) {
      for (const layer of LAYER_NAMES) {
        const isShared = layer !== 'upper';
        if (isShared && who === 'plyfs') continue;
        const name = isShared ? layer : `${layer} of ${who}`;
        const within = ON[role].includes(layer) ? 'content' : 'off';
        mkdirSync(at(within, name));
        materialize(at(within, name), treeOf(layer, cases), overlayForm);
        if (layer === 'upper') mkdirSync(at(within, `work of ${who}`));
        locations.set(name, within);
      }
    }
    this.mounted = system.mount(at('content'), at('on'), role === 'upper');
    const { root } = this.mounted;
    const placeOf = (name: string): string => (locations.get(name) === 'off' ? at('off', name) : join(root, name));
    const layersOf = (who: 'kernel' | 'plyfs'): LayerDirs => {
      mkdirSync(at(who));
      const upper = placeOf(`upper of ${who}`);
      const lowers = ON.lower.map(placeOf);
      return { lowers, upper, work: join(upper, '..', `work of ${who}`), mountpoint: at(who) };
    };
    try {
      this.plyfs = this.mount(layersOf('plyfs'), mode.mountPlyfs);
      const kernel = layersOf('kernel');
      let elsewhere: string | null = null;
      try {
        this.kernel = this.mount(kernel, mode.mountKernel);
      } catch (error) {
        if (role === 'lower') throw error;
        elsewhere = String(error);
        mkdirSync(at('off', 'upper'));
        mkdirSync(at('off', 'work'));
        materialize(at('off', 'upper'), treeOf('upper', cases), overlayForm);
        const plain = { ...kernel, upper: at('off', 'upper'), work: at('off', 'work') };
        this.kernel = this.mount(plain, mode.mountKernel);
      }
      this.kernelElsewhere = elsewhere;
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  private mount(layers: LayerDirs, mount: (layers: LayerDirs) => Mounted): Union {
    let mounted = mount(layers);
    const opened: OpenTarget = {
      root: layers.mountpoint,
      upper: layers.upper,
      form: overlayForm,
      remount: null,
      showWithKernel: null,
      close: () => mounted.unmount(),
    };
    const union: Union = {
      opened,
      layers,
      remount(next) {
        mounted.unmount();
        mounted = next(layers);
      },
    };
    this.unions.push(union);
    return union;
  }

  async close(): Promise<void> {
    for (const { opened } of this.unions) opened.close();
    await this.mounted?.unmount();
  }
}

/** The result of one case. */
export type Verdict =
  | { readonly kind: 'passed' }
  /** The file system lacks a feature that the case needs. */
  | { readonly kind: 'not here'; readonly why: string; readonly passesOnPlyfs: boolean }
  | { readonly kind: 'differs'; readonly why: string };

export function compare(one: Case, { kernel, plyfs }: Layered): Verdict {
  const expected = failureOf(one, kernel.opened);
  const got = failureOf(one, plyfs.opened);
  if (expected !== null) return { kind: 'not here', why: expected, passesOnPlyfs: got === null };
  return got === null ? { kind: 'passed' } : { kind: 'differs', why: got };
}

function failureOf(one: Case, opened: OpenTarget): string | null {
  try {
    runCase(one, opened);
    return null;
  } catch (error) {
    return String(error instanceof Error ? error.message : error);
  }
}
