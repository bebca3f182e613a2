/** The parts of a union that depend on its dialect: readers of its layers, and parts of its upper. */
import { displayName } from '../core/entry-name.js';
import { Errno, FsError } from '../core/errno.js';
import { LayerRefusal } from '../core/layer-refusal.js';
import { OverlayLowerReader } from '../whiteout/aufs/aufs-beside-overlay.js';
import { hasPseudoLinks, prepareBranch } from '../whiteout/aufs/aufs-branch.js';
import { AufsDialect } from '../whiteout/aufs/aufs-dialect.js';
import { AufsHiding } from '../whiteout/aufs/aufs-hiding.js';
import { MarkerMaker } from '../whiteout/aufs/aufs-marks.js';
import { AufsPseudoLinks } from '../whiteout/aufs/aufs-pseudo-links.js';
import { AufsReader } from '../whiteout/aufs/aufs-reader.js';
import { ORPHAN_DIRECTORY } from '../whiteout/aufs-names.js';
import type { Dialect, Hiding, LayerReader } from '../whiteout/dialect.js';
import { OverlayDialect } from '../whiteout/overlay/overlay-dialect.js';
import { OverlayHiding } from '../whiteout/overlay/overlay-hiding.js';
import { xattrNamespace } from '../whiteout/overlay/overlay-namespace.js';
import { WorkDirectory } from '../whiteout/work/work-directory.js';
import type { Layer } from './layers/layer.js';
import type { UpperMount } from './layers/upper-mount.js';
import type { HardLinkTable, LinkParts } from './links/hard-link-table.js';
import { LinkIndex } from './links/link-index.js';
import { PseudoLinks } from './links/pseudo-links.js';
import { type AufsSettings, defaultOverlay, type UnionConfig } from './union-config.js';

/**
 * How long a mount waits for the previous server, which can still be turning its pseudo-links into hard
 * links.
 */
const FLUSH_WAIT_MS = 10_000;

export interface LayerFormat {
  readonly dialect: Dialect;
  readonly upperReader: LayerReader;
  /** @param index of the lower layer, top first */
  lowerReader(index: number): LayerReader;
  openWork(upper: Layer, mount: UpperMount): WorkDirectory;
  /** Logs a warning if the layer has pseudo-links that this mount does not read: some names show old data. */
  warnOfUnreadPseudoLinks(layer: Layer): void;
  hiding(upper: Layer, work: WorkDirectory): Hiding;
  /**
   * Keeps the links of a lower file together when it is copied up. null: each link becomes a file of its own.
   */
  links(parts: LinkParts): HardLinkTable | null;
}

export function layerFormat(config: UnionConfig): LayerFormat {
  return config.aufs === undefined ? overlayFormat(config) : aufsFormat(config.aufs, config);
}

function overlayFormat(config: UnionConfig): LayerFormat {
  const { work, log, overlay, volatileMark, topIsUpper, markersInUpper, whileEnding } = config;
  const { xattrs, redirect, metacopy, index } = overlay ?? defaultOverlay(xattrNamespace());
  const reservesMarkers = markersInUpper === true;
  const dialect = new OverlayDialect(xattrs, { redirect, metacopy, reservesMarkers });
  const lowerReader = new OverlayLowerReader(dialect);
  const upperReader = reservesMarkers ? lowerReader : dialect;
  return {
    dialect,
    upperReader,
    lowerReader: (index) => (topIsUpper === true && index === 0 ? upperReader : lowerReader),
    warnOfUnreadPseudoLinks: () => {},
    openWork(upper, mount) {
      if (work === undefined) throw new FsError(Errno.EINVAL, 'an upper layer needs a work directory', upper.path);
      return LayerRefusal.forPath('workdir', work, 'work', () =>
        WorkDirectory.open(work, log, {
          marked: volatileMark === true,
          exclusive: index,
          ...(whileEnding === undefined ? {} : { whileEnding }),
          openParent: () => mount.openWork(),
        }),
      );
    },
    hiding: (_upper, opened) => new OverlayHiding(opened, dialect),
    links: (parts) => (index && work !== undefined ? LinkIndex.open(work, dialect, parts) : null),
  };
}

/** The aufs format. The work directory is a directory of the rw branch that the union never shows. */
function aufsFormat(
  settings: AufsSettings,
  { log, whileEnding }: Pick<UnionConfig, 'log' | 'whileEnding'>,
): LayerFormat {
  const honouring = new AufsReader('ro+wh');
  const ignoring = new AufsReader('ro');
  const xattrs = xattrNamespace();
  return {
    dialect: new AufsDialect({ xattrs, alwaysOpaque: settings.alwaysOpaque }),
    upperReader: new AufsReader('rw'),
    lowerReader: (index) => (settings.ignoresWhiteouts.includes(index) ? ignoring : honouring),
    warnOfUnreadPseudoLinks: ({ path, root, isUpper }) => {
      if ((isUpper && settings.keepLinks) || !hasPseudoLinks(root.fd)) return;
      log(
        `${displayName(path)}: was not unmounted cleanly: some names of changed hard-linked files show old data; mount this branch once as rw, without noplink, and unmount the union`,
      );
    },
    openWork({ root, path }) {
      try {
        prepareBranch(root.fd);
        const waitMs = settings.keepLinks && hasPseudoLinks(root.fd) ? FLUSH_WAIT_MS : 0;
        return WorkDirectory.openInside(root.fd, ORPHAN_DIRECTORY, log, {
          waitMs,
          ...(whileEnding === undefined ? {} : { whileEnding }),
        });
      } catch (error) {
        if (error instanceof FsError) throw new FsError(error.errno, error.reason, path);
        throw error;
      }
    },
    hiding: ({ root }, opened) => new AufsHiding(opened, new MarkerMaker(root.fd, settings.linkWhiteouts)),
    links: (parts) => (settings.keepLinks ? PseudoLinks.open(new AufsPseudoLinks(xattrs), parts) : null),
  };
}
