/** A union without an upper: every object can be read, and none changed, as on the kernel's overlayfs. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, opaqueDir, symlink, whiteout } from '../../conformance/tree.js';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

describe.skipIf(unavailable !== null)(`a read-only union${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  describe.each([
    { name: 'kernel overlayfs', mount: mountKernel },
    { name: 'plyfs', mount: mountPlyfs },
  ])('$name', ({ mount }) => {
    let base: string;
    let mounted: Mounted;
    let root: string;
    beforeAll(() => {
      base = makeScratch('read-only');
      const layers = makeLayerDirs(base);
      materialize(join(base, 'lower1'), { d: dir({ gone: whiteout, new: 'n' }), o: opaqueDir({ own: 'o' }) });
      materialize(join(base, 'lower2'), {
        d: dir({ gone: 'hidden', f: file('content', { mode: 0o666, xattrs: { 'user.x': '1' } }), e: dir() }),
        o: dir({ hidden: 'h' }),
        l: symlink('d/f'),
      });
      mounted = mount({ ...layers, upper: null });
      root = mounted.mountpoint;
    });
    afterAll(() => {
      mounted?.unmount();
      removeScratch(base);
    });

    it('shows the merged tree', () => {
      expect(Object.keys(snapshot(root)).sort()).toEqual(['.', 'd', 'd/e', 'd/f', 'd/new', 'l', 'o', 'o/own']);
      expect(sys.readFile(join(root, 'l'))).toBe('content');
    });

    it('refuses every change with EROFS', () => {
      const at = (path: string): string => join(root, path);
      const before = snapshot(root);
      const changes: Record<string, () => unknown> = {
        'open for writing': () => sys.open(at('d/f'), sys.O_WRONLY),
        'open with O_TRUNC': () => sys.open(at('d/f'), sys.O_RDONLY | sys.O_TRUNC),
        create: () => sys.open(at('d/x'), sys.O_CREAT | sys.O_RDWR),
        tmpfile: () => sys.open(at('d'), sys.O_TMPFILE | sys.O_RDWR),
        truncate: () => sys.truncate(at('d/f'), 0),
        chmod: () => sys.chmod(at('d/f'), 0o600),
        chown: () => sys.chown(at('d/f'), 1, 1),
        utimens: () => sys.utimens(at('d/f'), sys.NOW, sys.NOW),
        setxattr: () => sys.setxattr(at('d/f'), 'user.y', '1'),
        removexattr: () => sys.removexattr(at('d/f'), 'user.x'),
        mkdir: () => sys.mkdir(at('d/x')),
        mknod: () => sys.mknod(at('d/x'), sys.S_IFIFO | 0o600),
        symlink: () => sys.symlink('x', at('d/x')),
        link: () => sys.link(at('d/f'), at('d/x')),
        unlink: () => sys.unlink(at('d/f')),
        rmdir: () => sys.rmdir(at('d/e')),
        rename: () => sys.rename(at('d/f'), at('d/x')),
        access: () => sys.access(at('d/f'), 2),
      };
      expect(Object.fromEntries(Object.entries(changes).map(([name, body]) => [name, sys.outcome(body)]))).toEqual(
        Object.fromEntries(Object.keys(changes).map((name) => [name, 'EROFS'])),
      );
      expect(snapshot(root)).toEqual(before);
    });

    it('maps, syncs and locks readable files', () => {
      const fd = sys.open(join(root, 'd/f'), sys.O_RDONLY);
      const mapping = new sys.Mapping(fd, 7);
      try {
        expect(mapping.read(0, 7)).toBe('content');
        sys.fsync(fd);
        sys.flock(fd, sys.LOCK_EX | sys.LOCK_NB);
      } finally {
        mapping.unmap();
        sys.close(fd);
      }
    });
  });
});
