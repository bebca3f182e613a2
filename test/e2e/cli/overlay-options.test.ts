/**
 * The kernel's options for the features of an overlay, given to the kernel and to plyfs. Both must refuse
 * them with the same errno, or both must accept them and enable the same features.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { isErrno } from '../../../src/core/errno.js';
import { checkConfig } from '../../../src/server/checks/check-config.js';
import { MountError } from '../../../src/server/config/mount-error.js';
import type { OptionValues } from '../../../src/server/options/kinds/option-entry.js';
import { splitOptions } from '../../../src/server/options/kinds/option-list.js';
import { readOptions } from '../../../src/server/options/read-options.js';
import { resolveMount } from '../../../src/server/options/resolve-mount.js';
import { mountFs, umountFs } from '../../../src/sys/mount.js';
import { kernelOverlayUnavailable, PLYFS } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = kernelOverlayUnavailable();
const mkfsUnavailable = loopUnavailable();

function loopUnavailable(): string | null {
  const done = spawnSync('losetup', ['-f'], { encoding: 'utf8' });
  if (done.error !== undefined || done.status !== 0) return '(there are no loop devices)';
  return spawnSync('mkfs.ext4', ['-V']).error === undefined ? null : '(mkfs.ext4 is missing)';
}

let dir: string;

/** `@name` is a directory of the test. */
const DIRECTORIES = ['a', 'b', 'd1', 'd2', 'up', 'work', 'mnt', 'with:colon'];
const paths = (list: string): string => list.replaceAll('@', `${dir}/`);

interface Features {
  readonly redirect: string;
  readonly metacopy: boolean;
  readonly index: boolean;
  readonly xattrs: string;
}

/** The features of the mount, or the errno of the refusal. */
type Answer = Features | string;

function kernel(list: string): Answer {
  const mountpoint = paths('@mnt');
  try {
    mountFs('overlay', mountpoint, 'overlay', 0, paths(list));
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'ENOENT', 'ELOOP', 'EPERM')) return error.message.replace(/:.*/, '');
    throw error;
  }
  const line = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .find((text) => text.split(' ')[1] === mountpoint);
  umountFs(mountpoint);
  const shown = line?.split(' ')[3]?.split(',') ?? [];
  // The kernel shows only options that differ from the defaults of the module. Without the option it does
  // `follow`.
  return {
    redirect: shown.find((word) => word.startsWith('redirect_dir='))?.slice('redirect_dir='.length) ?? 'follow',
    metacopy: shown.includes('metacopy=on'),
    index: shown.includes('index=on'),
    xattrs: shown.includes('userxattr') ? 'user' : 'trusted',
  };
}

function plyfs(list: string): Answer {
  try {
    const values: OptionValues = { mountpoint: paths('@mnt') };
    const { unknown } = readOptions(splitOptions(paths(list)), values);
    expect(unknown).toEqual([]);
    const { overlay } = checkConfig(resolveMount(values));
    if (overlay === undefined) throw new Error('no settings of the overlay dialect');
    const { redirect, metacopy, index, xattrs } = overlay;
    return { redirect, metacopy, index, xattrs };
  } catch (error) {
    if (error instanceof MountError) return error.code ?? error.message;
    throw error;
  }
}

const WORDS = [
  '',
  ...['on', 'follow', 'nofollow', 'off', 'x', ''].map((value) => `redirect_dir=${value}`),
  ...['on', 'off', 'x'].map((value) => `metacopy=${value}`),
  ...['on', 'follow', 'nofollow', 'off'].map((value) => `metacopy=on,redirect_dir=${value}`),
  'redirect_dir=nofollow,metacopy=off',
  'redirect_dir=on,redirect_dir=off',
  'redirect_dir=off,redirect_dir=on',
  'metacopy=off,metacopy=on,redirect_dir=off',
  ...['on', 'off', 'x'].map((value) => `index=${value}`),
  'index=on,metacopy=on',
  'userxattr',
  'userxattr=on',
  ...['on', 'follow', 'nofollow', 'off'].map((value) => `userxattr,redirect_dir=${value}`),
  ...['on', 'off'].map((value) => `userxattr,metacopy=${value}`),
  'userxattr,index=on',
  ...['on', 'off', 'auto', 'x'].map((value) => `xino=${value}`),
  ...['null', 'off', 'auto', 'x'].map((value) => `uuid=${value}`),
  ...['off', 'x'].map((value) => `nfs_export=${value}`),
  'nfs_export=on,index=off',
  'nfs_export=on,metacopy=on',
  ...['off', 'x'].map((value) => `verity=${value}`),
  'volatile',
  'volatile=1',
  'volatile,index=on',
  'override_creds',
  'nooverride_creds',
];

const LAYERS = [
  'lowerdir=@a:@b::@d1::@d2',
  'lowerdir=@a::@d1',
  'lowerdir=@a:@b::@d1:@d2',
  'lowerdir=::@d1',
  'lowerdir=@a::',
  'lowerdir=@a:::@d1',
  'lowerdir=:@a',
  'lowerdir=@a:',
  'lowerdir=',
  'lowerdir=@a::@a',
  'lowerdir=@a::@b::@b',
  'lowerdir=@a::@nope',
  'lowerdir+=@a,lowerdir+=@b',
  'lowerdir+=@a,lowerdir+=@b,datadir+=@d1',
  'lowerdir+=@a,datadir+=@d1,datadir+=@d2',
  'lowerdir+=@a,lowerdir+=@with:colon',
  'lowerdir+=@a,lowerdir+=@with\\:colon',
  'lowerdir+=@a:@b',
  'lowerdir+=',
  'lowerdir+=@a,lowerdir+=@a',
  'datadir+=@d1,lowerdir+=@a',
  'lowerdir+=@a,datadir+=@d1,lowerdir+=@b',
  'datadir+=@d1',
  'lowerdir=@a:@b,lowerdir+=@d1',
  'lowerdir=@a,datadir+=@d1',
  ...['metacopy=on', 'metacopy=off', 'redirect_dir=nofollow', 'userxattr', 'index=on'].map(
    (words) => `lowerdir=@a:@b::@d1,${words}`,
  ),
];

const UPPER = 'upperdir=@up,workdir=@work';
const TABLE = [...WORDS.map((words) => ['lowerdir=@a:@b', words].filter(Boolean).join(',')), ...LAYERS];

describe.skipIf(unavailable !== null)(`the options of an overlay ${unavailable ?? ''}`, () => {
  beforeAll(() => {
    dir = makeScratch('options');
    for (const name of DIRECTORIES) mkdirSync(`${dir}/${name}`);
  });
  afterAll(() => removeScratch(dir));
  beforeEach(emptyUpper);

  /** Empties the directories, because a mount leaves marks (an index, the mark of a volatile mount). */
  function emptyUpper(): void {
    for (const name of ['up', 'work']) {
      rmSync(`${dir}/${name}`, { recursive: true });
      mkdirSync(`${dir}/${name}`);
    }
  }

  it.each(TABLE.map((list) => `${list},${UPPER}`))('%s', (list) => {
    const wanted = kernel(list);
    emptyUpper();
    expect(plyfs(list)).toEqual(wanted);
  });

  // Without an upper, the kernel mounts without nfs_export. plyfs refuses that option.
  it.each(TABLE.filter((list) => !list.includes('nfs_export=on')))('%s', (list) => {
    expect(plyfs(list)).toEqual(kernel(list));
  });

  it.each([
    ['nfs_export=on', 'nfs_export: on: file handles of a FUSE mount'],
    ['verity=on', 'verity: on: digests'],
    ['verity=require', 'verity: require: digests'],
    ['uuid=on', 'uuid: on: a FUSE mount has no'],
  ])('%s, which plyfs does not support, is refused in one line', (words, why) => {
    const done = spawnSync(PLYFS, ['mount', '-o', paths(`lowerdir=@a:@b,${UPPER},${words}`), paths('@mnt')], {
      encoding: 'utf8',
    });
    expect(done).toMatchObject({ status: 1, stdout: '' });
    expect(done.stderr).toMatch(new RegExp(`^plyfs: ${why}.*EINVAL.*\n$`));
  });

  it.each([
    [
      'metacopy=on,redirect_dir=off',
      'plyfs: metacopy: on: needs redirect_dir=on, and redirect_dir=off was given (EINVAL)',
    ],
    ['userxattr,redirect_dir=on', 'plyfs: redirect_dir: on: contradicts userxattr'],
    ['userxattr,metacopy=on', 'plyfs: metacopy: on: contradicts userxattr'],
  ])('%s is refused in one line', (words, line) => {
    const done = spawnSync(PLYFS, ['mount', '-o', paths(`lowerdir=@a:@b,${UPPER},${words}`), paths('@mnt')], {
      encoding: 'utf8',
    });
    expect(done).toMatchObject({ status: 1, stdout: '' });
    expect(done.stderr.split('\n')).toEqual([expect.stringContaining(line), '']);
  });

  /** Makes an ext4 file system, because that of the tests may have no UUID. */
  it.skipIf(mkfsUnavailable !== null)(
    `uuid=off: copies name no file system, as in the kernel ${mkfsUnavailable ?? ''}`,
    () => {
      mkdirSync(paths('@disk'));
      writeFileSync(paths('@image'), '');
      truncateSync(paths('@image'), 16 << 20);
      for (const [program, ...args] of [
        ['mkfs.ext4', '-q', '-O', '^has_journal', '@image'],
        ['mount', '-o', 'loop', '@image', '@disk'],
        ['mkdir', '@disk/a', '@disk/up', '@disk/work'],
        ['touch', '@disk/a/file'],
      ] as const) {
        expect(spawnSync(program, args.map(paths), { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
      }
      try {
        const [unnamed, named] = ['uuid=off', 'uuid=null'].map((words) => {
          const byPlyfs = originsBy([PLYFS], words);
          expect(byPlyfs).toEqual(originsBy(['mount', '-t', 'overlay', 'overlay'], words));
          return byPlyfs;
        });
        expect(unnamed).not.toEqual(named);
      } finally {
        umountFs(paths('@disk'));
      }
    },
  );

  /** The origins that a copied-up file and the root of the upper record. */
  function originsBy([program, ...type]: readonly string[], words: string): string[] {
    const options = paths(`lowerdir=@disk/a,upperdir=@disk/up,workdir=@disk/work,index=on,${words}`);
    const done = spawnSync(program as string, [...type, '-o', options, paths('@mnt')], { encoding: 'utf8' });
    expect(done).toMatchObject({ status: 0, stderr: '' });
    chmodSync(paths('@mnt/file'), 0o600);
    umountFs(paths('@mnt'));
    const origins = ['@disk/up/file', '@disk/up'].map((at) => sys.getxattr(paths(at), 'trusted.overlay.origin'));
    spawnSync('sh', ['-c', paths('rm -rf @disk/up @disk/work && mkdir @disk/up @disk/work')]);
    return origins.map((origin) => origin.toString('hex'));
  }

  it.each(['redirect_dir=on', 'metacopy=on', 'index=on', 'uuid=off', 'userxattr'])(
    'with -t aufs %s is refused',
    (words) => {
      const args = ['-t', 'aufs', '-o', paths(`br:@up=rw:@a=ro,${words}`), paths('@mnt')];
      const done = spawnSync(PLYFS, ['mount', ...args], { encoding: 'utf8' });
      expect(done).toMatchObject({ status: 1, stdout: '' });
      expect(done.stderr).toMatch(/^plyfs: .*: the aufs dialect does not have this feature \(EINVAL\)\n$/);
    },
  );

  describe('in a user namespace', () => {
    function inNamespace(command: string): { status: number | null; stderr: string } {
      const done = spawnSync('unshare', ['-Urm', 'sh', '-c', paths(command)], { encoding: 'utf8' });
      return { status: done.status, stderr: done.stderr };
    }

    it.each(['redirect_dir=on', 'redirect_dir=follow'])('%s is EPERM, as in the kernel', (words) => {
      const options = `lowerdir=@a:@b,${UPPER},${words}`;
      expect(inNamespace(`mount -t overlay overlay -o ${options} @mnt`).stderr).toMatch(
        /not permitted|permission denied/,
      );
      const { status, stderr } = inNamespace(`"${PLYFS}" -o ${options} @mnt`);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^plyfs: redirect_dir: .*: needs trusted. attributes.* \(EPERM\)\n$/);
    });

    it.each([
      ['redirect_dir=off', ''],
      ['index=off,metacopy=off', ''],
      ['userxattr', ''],
      ['metacopy=on', 'plyfs: metacopy=on ignored: needs trusted. attributes, which only root has\n'],
    ])('%s, given to fuse-overlayfs by container tools, mounts', (words, line) => {
      const options = `lowerdir=@a:@b,${UPPER},${words}`;
      expect(inNamespace(`"${PLYFS}" -o ${options} @mnt && umount @mnt`)).toEqual({ status: 0, stderr: line });
    });
  });
});
