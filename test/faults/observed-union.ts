/** A mounted union together with the directories of its layers, so that a test can compare both. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { aufsForm, overlayForm } from '../conformance/forms.js';
import { materialize } from '../conformance/materialize.js';
import { dir, type Layers } from '../conformance/tree.js';
import { openFilesOf } from '../harness/machine/processes.js';
import type { OwnMount, OwnServer } from '../harness/own-server.js';
import type { Snapshot } from '../harness/snapshot.js';
import * as sys from '../harness/sys/index.js';
import { kernelView, plyfsView } from './layer-view.js';

const LAYERS = ['upper', 'lower1', 'lower2'] as const;

/** The path of each layer on the disk below the faulty file system. */
export type LayerDirectories = { readonly [layer in (typeof LAYERS)[number] | 'work']: string };

export class ObservedUnion {
  /** @param viewpoint an empty directory on which the kernel's view of the layers is mounted */
  constructor(
    readonly dialect: 'overlay' | 'aufs',
    readonly directories: LayerDirectories,
    protected readonly mount: OwnMount,
    private readonly viewpoint: string,
  ) {}

  get root(): string {
    return this.mount.mountpoint;
  }

  /** The process that serves the mount. */
  get server(): OwnServer {
    return this.mount.server;
  }

  get log(): string {
    return this.mount.log();
  }

  /** Adds `layers` as a directory `name` of the union. Nothing has looked this name up before. */
  add(name: string, layers: Layers): void {
    const form = this.dialect === 'aufs' ? aufsForm : overlayForm;
    for (const layer of LAYERS) {
      const tree = layers[layer];
      if (tree !== undefined)
        materialize(this.directories[layer], { [name]: dir(tree, { mtime: 1_000_000_000 }) }, form);
    }
  }

  /**
   * Returns the directory `name` as it is shown by other programs that read the layers, keyed by the
   * program's name.
   */
  views(name: string): { readonly [viewer: string]: Snapshot } {
    const layers = LAYERS.map((layer) => this.directories[layer]);
    const aufs = this.dialect === 'aufs';
    const own = plyfsView(layers, aufs, name);
    return aufs ? { plyfs: own } : { plyfs: own, kernel: kernelView(layers, this.viewpoint, name) };
  }

  /**
   * Returns the files that the server has open, without directories, of which it keeps a bounded number open.
   * A thread that is starting has fds of its own.
   */
  openFiles(): string[] {
    const { pid } = this.mount.server;
    const open: string[] = [];
    for (const [fd, leadsTo] of openFilesOf(pid)) {
      try {
        if (leadsTo.startsWith('/') && !isDirectory(`/proc/${pid}/fdinfo/${fd}`)) open.push(leadsTo);
      } catch (error) {
        // ENOENT: the fd was closed after the listing.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return open.sort();
  }

  /**
   * Returns the names in the directory of unfinished changes, without the whiteout that others are links of.
   */
  leftovers(): string[] {
    const place =
      this.dialect === 'aufs' ? join(this.directories.upper, '.wh..wh.orph') : join(this.directories.work, 'work');
    if (!existsSync(place)) return [];
    return readdirSync(place).filter((name) => !overlayForm.isWhiteout(place, name));
  }
}

/**
 * Reads the flags of the open(2). A call on the file itself could meet the fault that is planned for the
 * server.
 */
function isDirectory(fdinfo: string): boolean {
  const flags = /^flags:\s*([0-7]+)$/m.exec(readFileSync(fdinfo, 'latin1'))?.[1] ?? '0';
  return (Number.parseInt(flags, 8) & sys.O_DIRECTORY) !== 0;
}
