/** The union's private marks: no process can see or make one through the mount, by any name or call. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { materialize } from '../../conformance/materialize.js';
import { dir, file, opaqueDir, whiteout } from '../../conformance/tree.js';
import { type Mounted, mountPlyfs, mountsUnavailable } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable();
const ORDINARY: sys.Identity = { uid: sys.ALICE, gid: sys.ALICE, groups: [] };
const MARKS = ['opaque', 'redirect', 'metacopy', 'origin', 'impure', 'nlink', 'upper', 'protattr', 'uuid', 'whiteout'];

describe.skipIf(unavailable !== null)(`private marks${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let mounted: Mounted;
  const at = (path: string): string => join(mounted.mountpoint, path);
  const inUpper = (path: string): string => join(base, 'upper', path);
  beforeAll(() => {
    base = makeScratch('marks');
    const layers = makeLayerDirs(base);
    const alices = { uid: sys.ALICE, gid: sys.ALICE };
    materialize(join(base, 'lower1'), {
      file: file('lower', {
        ...alices,
        xattrs: { 'trusted.overlay.origin': 'x', 'trusted.mark': 'm', 'user.mark': 'u' },
      }),
      hidden: 'lower',
      open: dir({ inside: 'x' }, { mode: 0o777, ...alices }),
    });
    materialize(join(base, 'upper'), {
      hidden: whiteout,
      opaque: opaqueDir({}, { mode: 0o777, ...alices }),
      file2: file('upper', { ...alices, xattrs: { 'trusted.overlay.overlay.opaque': 'y' } }),
    });
    mounted = mountPlyfs(layers);
  });
  afterAll(() => {
    mounted?.unmount();
    removeScratch(base);
  });

  it('are never listed, and escaped ones to an administrator only', () => {
    expect(sys.listxattr(at('opaque'))).toEqual([]);
    expect(sys.listxattr(at('file'))).toEqual(['trusted.mark', 'user.mark']);
    expect(sys.listxattr(at('file2'))).toEqual(['trusted.overlay.opaque']);
    sys.asIdentity(ORDINARY, () => {
      expect(sys.listxattr(at('opaque'))).toEqual([]);
      expect(sys.listxattr(at('file'))).toEqual(['user.mark']);
      expect(sys.listxattr(at('file2'))).toEqual([]);
    });
  });

  it('are not listed to a root without CAP_SYS_ADMIN, nor to the root of a user namespace', () => {
    const list = (...before: string[]): string => {
      const [program, ...args] = [...before, 'getfattr', '--absolute-names', '-m', '-', at('file'), at('file2')];
      const done = spawnSync(program as string, args, { encoding: 'utf8' });
      expect(done.stderr).toBe('');
      return done.stdout.replace(/^# file.*\n/gm, '').trim();
    };
    expect(list()).toContain('trusted.mark');
    expect(list('setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin')).toBe('user.mark');
    expect(list('unshare', '-Ur')).toBe('user.mark');
  });

  it.each(MARKS)('cannot be made by an ordinary user: %s', (mark) => {
    sys.asIdentity(ORDINARY, () => {
      for (const name of [`trusted.overlay.${mark}`, `trusted.overlay.overlay.${mark}`]) {
        expect(sys.outcome(() => sys.setxattr(at('file'), name, 'y'))).toBe('EPERM');
        expect(sys.outcome(() => sys.removexattr(at('opaque'), name))).toBe('EPERM');
        expect(sys.outcome(() => sys.getxattr(at('opaque'), name))).toBe('ENODATA');
      }
    });
    expect(sys.listxattr(inUpper('opaque'))).toEqual(['trusted.overlay.opaque']);
  });

  it.each(MARKS)('are stored as another xattr when root sets one: %s', (mark) => {
    const name = `trusted.overlay.${mark}`;
    sys.writeFile(at('made'), '');
    sys.setxattr(at('made'), name, 'y');
    expect(sys.getxattr(at('made'), name).toString()).toBe('y');
    expect(sys.listxattr(inUpper('made'))).toEqual([`trusted.overlay.overlay.${mark}`]);
    sys.removexattr(at('made'), name);
    expect(sys.listxattr(inUpper('made'))).toEqual([]);
  });

  it('cannot be removed or read by their names on disk', () => {
    expect(sys.outcome(() => sys.getxattr(at('opaque'), 'trusted.overlay.opaque'))).toBe('ENODATA');
    expect(sys.outcome(() => sys.removexattr(at('opaque'), 'trusted.overlay.opaque'))).toBe('ENODATA');
    expect(sys.getxattr(inUpper('opaque'), 'trusted.overlay.opaque').toString()).toBe('y');
  });

  it('cannot have a name that is too long when it is escaped', () => {
    const name = `trusted.overlay.${'x'.repeat(255 - 'trusted.overlay.'.length)}`;
    expect(sys.outcome(() => sys.setxattr(at('file2'), name, 'y'))).toBe('EOPNOTSUPP');
  });

  describe('a whiteout', () => {
    const DEVICE = sys.S_IFCHR | 0o666;
    it('cannot be made by mknod, by any user', () => {
      for (const identity of [ORDINARY, { uid: 0, gid: 0, groups: [] }]) {
        sys.asIdentity(identity, () => {
          expect(sys.outcome(() => sys.mknod(at('open/new'), DEVICE, 0))).toBe('EPERM');
          // The kernel uses the low 32 bits of the caller's device number.
          expect(sys.outcome(() => sys.mknod(at('open/new'), DEVICE, 2 ** 32))).not.toBe('ok');
          expect(sys.outcome(() => sys.mknod(at('hidden'), DEVICE, 0))).toBe(identity.uid === 0 ? 'EPERM' : 'EACCES');
        });
      }
    });
    it('cannot be made or moved by rename', () => {
      const RENAME_WHITEOUT = 4;
      for (const identity of [ORDINARY, { uid: 0, gid: 0, groups: [] }]) {
        const before = identity.uid === 0 ? ['EINVAL'] : ['EPERM', 'EINVAL'];
        sys.asIdentity(identity, () => {
          const moved = sys.outcome(() => sys.rename(at('open/inside'), at('open/moved'), RENAME_WHITEOUT));
          expect(before).toContain(moved);
          expect(sys.outcome(() => sys.rename(at('hidden'), at('open/moved')))).toBe('ENOENT');
          expect(sys.outcome(() => sys.rename(at('open/inside'), at('hidden'), sys.RENAME_EXCHANGE))).not.toBe('ok');
          expect(sys.outcome(() => sys.link(at('hidden'), at('open/linked')))).toBe('ENOENT');
        });
      }
      expect(sys.lstat(inUpper('hidden')).rdev).toBe('0:0');
    });
  });

  it('cannot be made or removed by the root of a user namespace', () => {
    const script = `
      cd "$1/open"
      echo made > new && chown 0:0 new && stat -c %u:%g new
      mknod null c 0 0 2> /dev/null || echo no whiteout
      mknod null c 1 3 2> /dev/null || echo no device
      setfattr -n trusted.overlay.opaque -v y . 2> /dev/null || echo no mark
      chown 1:1 new 2> /dev/null || echo no other owner
      chattr +i new 2> /dev/null || echo not immutable
      setfattr -n user.overlay.opaque -v y . && getfattr --only-values -n user.overlay.opaque .`;
    const ids = ['--reuid', String(sys.ALICE), '--regid', String(sys.ALICE), '--clear-groups'];
    const done = spawnSync('setpriv', [...ids, 'unshare', '-Ur', 'sh', '-euc', script, 'sh', mounted.mountpoint], {
      encoding: 'utf8',
    });
    expect([done.stderr, done.stdout.split('\n')]).toEqual([
      '',
      ['0:0', 'no whiteout', 'no device', 'no mark', 'no other owner', 'not immutable', 'y'],
    ]);
    const { uid, gid } = sys.lstat(inUpper('open/new'));
    expect([uid, gid]).toEqual([sys.ALICE, sys.ALICE]);
    // In a mount of root, user.overlay.opaque is no mark but an ordinary xattr.
    expect(sys.listxattr(inUpper('open'))).toContain('user.overlay.opaque');
    expect(sys.listxattr(inUpper('open'))).not.toContain('trusted.overlay.opaque');
  });

  it('let only an administrator request a flush of pseudo-links', () => {
    const fd = sys.open(mounted.mountpoint, sys.O_RDONLY);
    const outcome = sys.asIdentity(ORDINARY, () => sys.outcome(() => sys.ioctl(fd, 0x7966)));
    sys.close(fd);
    expect(outcome).toBe('EPERM');
  });
});
