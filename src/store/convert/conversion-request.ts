/** The request of a conversion: plain data that can be passed to a thread. */
import { AufsSource, AufsTarget, FuseOverlayfsSource } from '../../whiteout/aufs/aufs-form.js';
import type { LayerSource, LayerTarget, SourceName } from '../../whiteout/layer-form.js';
import type { XattrNamespace } from '../../whiteout/overlay/overlay-dialect.js';
import { OverlaySource, OverlayTarget } from '../../whiteout/overlay/overlay-form.js';
import { xattrNamespace } from '../../whiteout/overlay/overlay-namespace.js';

/** The layer to convert, and the new layer. */
export interface ConversionRequest {
  /** The path of the layer, as bytes. */
  readonly source: string;
  /** A free name or an empty directory, as bytes. */
  readonly destination: string;
  /** The form of the new layer. */
  readonly to: 'overlay' | 'aufs';
  /** The form of the source. Absent: not `to`; then a layer that seems to be in the form `to` is refused. */
  readonly from?: SourceName;
  /**
   * The namespace of the overlay's own attributes. Absent: the one that the layer uses, or the one in which
   * this user can set attributes.
   */
  readonly xattrs?: XattrNamespace;
  /** Do not wait for the disk. */
  readonly volatile: boolean;
}

/** The form of the source. */
function sourceNameOf({ from, to }: ConversionRequest): SourceName {
  return from ?? (to === 'aufs' ? 'overlay' : 'aufs');
}

/** The form to read. */
export function sourceOf(request: ConversionRequest): LayerSource {
  const namespaces: readonly XattrNamespace[] = request.xattrs === undefined ? ['trusted', 'user'] : [request.xattrs];
  switch (sourceNameOf(request)) {
    case 'aufs':
      return new AufsSource();
    case 'overlay':
      return new OverlaySource(namespaces);
    case 'fuse-overlayfs':
      return new FuseOverlayfsSource(namespaces);
  }
}

/** The form to write. */
export function targetOf({ to, xattrs }: ConversionRequest): LayerTarget {
  return to === 'aufs' ? new AufsTarget() : new OverlayTarget(xattrs ?? xattrNamespace());
}
