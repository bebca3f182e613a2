/** The second pass of a conversion: writes the layer in the other dialect. */
import type { EntryName } from '../../core/brand.js';
import { Errno, FsError } from '../../core/errno.js';
import { isRegular } from '../../core/file-mode.js';
import { syncFs } from '../../sys/files/file-io.js';
import { mkdirAt } from '../../sys/files/inode-ops.js';
import { close, openDirectoryAt } from '../../sys/files/open.js';
import type { LayerSource, LayerTarget } from '../../whiteout/layer-form.js';
import { identityOf, identityOfOpen } from '../object-identity.js';
import { copyAttributes, copyObject, type XattrTranslation } from './copy-object.js';
import { HardLinks } from './hard-links.js';
import { type LayerVisitor, type WalkedObject, walkLayer } from './layer-walk.js';
import type { Progress } from './progress.js';

/** The layers of a copy, and their forms. */
interface LayerCopy {
  /** The fd of the layer's root. */
  readonly from: number;
  /** The fd of an empty directory of mode 0700, which becomes the new layer's root. */
  readonly to: number;
  readonly source: LayerSource;
  readonly target: LayerTarget;
  /** `sync`: write the new layer to the disk at the end. */
  readonly options: { readonly sync: boolean };
  readonly progress: Progress;
}

/** Writes the new layer. */
export function writeLayer({ from, to, source, target, options, progress }: LayerCopy): void {
  const writer = new LayerWriter(to, source, target, progress);
  try {
    walkLayer(from, source, writer);
  } finally {
    writer.close();
  }
  if (options.sync) syncFs(to);
}

/** Writes each object that the walk visits. */
class LayerWriter implements LayerVisitor {
  /** The fds of the directories that are being written, from the root's child down to the innermost. */
  private readonly openDirectories: number[] = [];
  private readonly links: HardLinks;
  /** From the name of an xattr in the old layer to its name in the new one. */
  private readonly translate: XattrTranslation;
  /** The identity of the new layer's root. */
  private readonly rootIdentity: string;

  constructor(
    private readonly root: number,
    source: LayerSource,
    private readonly target: LayerTarget,
    private readonly progress: Progress,
  ) {
    this.links = new HardLinks(root);
    this.translate = (name) => {
      const shown = source.xattrShown(name);
      return shown === null ? null : target.xattrOnDisk(shown);
    };
    this.rootIdentity = identityOfOpen(root);
  }

  /** The fd of the directory that is being written. */
  private get directory(): number {
    return this.openDirectories.at(-1) ?? this.root;
  }

  enter({ name, path, stat }: WalkedObject, { isOpaque }: { isOpaque: boolean }): void {
    if (identityOf(stat) === this.rootIdentity)
      throw new FsError(Errno.ELOOP, 'the new layer is inside the old one', path);
    if (path === '') this.target.prepare(this.root);
    else {
      const parent = this.directory;
      // Other users have no access until it is complete.
      mkdirAt(parent, name, 0o700);
      this.openDirectories.push(openDirectoryAt(parent, name));
    }
    if (isOpaque) this.target.markOpaque(this.directory);
  }

  /** Copies a directory's attributes at the end, because each new entry has changed its times. */
  leave(source: WalkedObject): void {
    copyAttributes(source, { dirfd: this.directory, name: '' }, this.translate);
    if (source.path !== '') close(this.openDirectories.pop() as number);
    this.progress.advance(0);
  }

  object(source: WalkedObject): void {
    const { name, path, stat } = source;
    if (this.links.link(stat, this.directory, name)) {
      this.progress.advance(0);
      return;
    }
    copyObject(source, this.directory, this.translate);
    this.links.remember(stat, path);
    this.progress.advance(isRegular(stat.mode) ? stat.size : 0);
  }

  whiteout(_dirfd: number, name: EntryName): void {
    this.target.hide(this.directory, name);
    this.progress.advance(0);
  }

  /** Closes the fds that a failure has left open. */
  close(): void {
    for (const fd of this.openDirectories) close(fd);
  }
}
