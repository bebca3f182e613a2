/** A mounted union, and the directories of its layers seen from behind it. */
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { aufsForm, overlayForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { dir, type Layers } from '../conformance/tree.js';
import type { ForegroundMount } from '../harness/mounts.js';
import type { Snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';
import { kernelView, plyfsView } from './layer-view.js';

const LAYERS = ['upper', 'lower1', 'lower2'] as const;

/** Where each layer lies. */
export type Places = { readonly [layer in (typeof LAYERS)[number] | 'work']: string };

export class ObservedUnion {
  /** @param viewpoint a directory to mount on for a moment */
  constructor(
    readonly dialect: 'overlay' | 'aufs',
    readonly behind: Places,
    protected readonly union: ForegroundMount,
    private readonly viewpoint: string,
  ) {}

  get root(): string {
    return this.union.mountpoint;
  }

  /** The process that serves the union. */
  get server(): ForegroundMount['server'] {
    return this.union.server;
  }

  get log(): string {
    return this.union.log();
  }

  /** Puts `layers` into a directory `name` of the union, of which nobody has asked yet. */
  add(name: string, layers: Layers): void {
    const form = this.dialect === 'aufs' ? aufsForm : overlayForm;
    for (const layer of LAYERS) {
      const tree = layers[layer];
      if (tree !== undefined) materialize(this.behind[layer], { [name]: dir(tree, { mtime: 1_000_000_000 }) }, form);
    }
  }

  /** What the directory `name` shows to others than the mount, by who looks. */
  views(name: string): { readonly [viewer: string]: Snapshot } {
    const layers = LAYERS.map((layer) => this.behind[layer]);
    const aufs = this.dialect === 'aufs';
    const own = plyfsView(layers, aufs, name);
    return aufs ? { plyfs: own } : { plyfs: own, kernel: kernelView(layers, this.viewpoint, name) };
  }

  /**
   * Files that the server has open. Of directories it keeps a bounded number, and a thread that starts has
   * fds of its own.
   */
  openFiles(): string[] {
    const fds = `/proc/${this.union.server.pid}/fd`;
    const open: string[] = [];
    for (const fd of readdirSync(fds)) {
      const path = join(fds, fd);
      try {
        const leadsTo = readlinkSync(path);
        if (leadsTo.startsWith('/') && !isDirectory(`/proc/${this.union.server.pid}/fdinfo/${fd}`)) open.push(leadsTo);
      } catch (error) {
        // Closed since it was listed.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return open.sort();
  }

  /** What lies where changes are prepared, but the whiteout of which the others are links. */
  leftovers(): string[] {
    const place = this.dialect === 'aufs' ? join(this.behind.upper, '.wh..wh.orph') : join(this.behind.work, 'work');
    if (!existsSync(place)) return [];
    return readdirSync(place).filter((name) => !overlayForm.isWhiteout(place, name));
  }
}

/**
 * By the flags that it was opened with: asking the file system could meet the fault that waits for the
 * server.
 */
function isDirectory(fdinfo: string): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(fdinfo, 'latin1'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & sys.O_DIRECTORY) !== 0;
}
