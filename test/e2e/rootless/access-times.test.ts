/**
 * Access times without root. Those of lower layers do not change, and O_NOATIME and noatime work, as far as
 * the owner of the files can use O_NOATIME.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import * as sys from '../../harness/sys/index.js';
import { Sandbox } from '../harness/sandbox.js';
import {
  giveToUser,
  openFuseDevice,
  rootlessUnavailable,
  runAsUser,
  userNamespacesUnavailable,
} from './ordinary-user.js';

const OLD = { sec: 1_000_000_000, nsec: 0 };
const OBJECTS = ['base/low', 'base/low/file', 'up/new', 'up/new/file', 'up/new/quiet'] as const;
/** Reads of files and directories. dd names O_NOATIME `noatime`. */
const READS = 'cat mnt/low/file mnt/new/file; ls mnt/low mnt/new; dd if=mnt/new/quiet iflag=noatime status=none';

const unavailable = rootlessUnavailable();
const WAYS = [
  { way: 'an ordinary user with fusermount3', reason: unavailable, wrapped: (script: string) => ['sh', '-ec', script] },
  {
    way: 'root of a user namespace',
    reason: unavailable ?? userNamespacesUnavailable(),
    wrapped: (script: string) => ['unshare', '-Urm', 'sh', '-ec', script],
  },
];

describe.each(WAYS)('$way', ({ reason, wrapped }) => {
  describe.skipIf(reason !== null)(`and access times ${reason ?? ''}`, () => {
    let box: Sandbox;
    let closeDevice: () => void;
    beforeAll(() => {
      closeDevice = openFuseDevice();
    });
    afterAll(() => closeDevice());
    beforeEach(() => {
      box = new Sandbox();
      for (const path of OBJECTS) if (path.split('/').length === 3) box.write(path, 'content\n');
      giveToUser(box.dir);
      for (const path of OBJECTS) sys.utimens(box.at(path), OLD, OLD);
    });
    afterEach(() => box.dispose());

    /** The objects on disk whose access times `READS` has changed on a mount with this option. */
    function moved(option: string): string[] {
      const script = `"${PLYFS}" -o "${box.options},${option}" mnt; { ${READS}; } >/dev/null; "${PLYFS}" umount mnt`;
      expect(runAsUser(wrapped(script), box.dir)).toEqual({ status: 0, stdout: '', stderr: '' });
      return OBJECTS.filter((path) => sys.lstat(box.at(path)).atime.sec !== OLD.sec);
    }

    it('by default, reads without O_NOATIME change those of the upper', () => {
      expect(moved('relatime')).toEqual(['up/new', 'up/new/file']);
    });

    it('with nodiratime, those of directories do not change', () => {
      expect(moved('nodiratime')).toEqual(['up/new/file']);
    });

    it('with noatime, none changes', () => {
      expect(moved('noatime')).toEqual([]);
    });
  });
});
