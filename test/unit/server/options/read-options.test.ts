import { describe, expect, it } from 'vitest';
import {
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_RDONLY,
  MS_RELATIME,
  MS_STRICTATIME,
} from '../../../../src/core/flags.js';
import { type MountConfig, mountFlags } from '../../../../src/server/config/mount-config.js';
import type { OptionValues } from '../../../../src/server/options/kinds/option-entry.js';
import { splitOptions } from '../../../../src/server/options/kinds/option-list.js';
import { type CommandLineForm, type IgnoredOptions, readOptions } from '../../../../src/server/options/read-options.js';
import { resolveMount } from '../../../../src/server/options/resolve-mount.js';

type Answer = IgnoredOptions & { readonly values: OptionValues };

function read(list: string, form: CommandLineForm = 'plyfs'): Answer {
  const values: OptionValues = {};
  return { values, ...readOptions(splitOptions(list), values, form) };
}

function apply(list: string, root = true, form: CommandLineForm = 'plyfs'): Answer & { readonly config: MountConfig } {
  const answer = read(list, form);
  return { ...answer, config: resolveMount(answer.values, () => {}, root) };
}

const asFuseOverlayfs = (list: string): ReturnType<typeof apply> => apply(list, true, 'fuse-overlayfs');

describe('mount options', () => {
  it('layers, numbers and choices reach the config', () => {
    const { config, values, unknown } = apply(
      'lowerdir=/a\\:b:/c,upperdir=/u\\,v,workdir=/w,timeout=1.5,max_layers=200,passthrough=off,fsname=n,subtype=s,log=/l,volatile',
    );
    expect(config).toMatchObject({
      lowers: ['/a:b', '/c'],
      upper: '/u,v',
      work: '/w',
      timeout: 1.5,
      maxLayers: 200,
      passthrough: 'off',
      fsname: 'n',
      subtype: 's',
      volatile: true,
    });
    expect(values.logFile).toBe('/l');
    expect(unknown).toEqual([]);
  });

  it('root gets suid, dev and allow_other; others do not', () => {
    expect(apply('').config).toMatchObject({ suid: true, dev: true, allowOther: true, exec: true });
    expect(apply('', false).config).toMatchObject({ suid: false, dev: false, allowOther: false, exec: true });
  });

  it.each([
    ['upperdir=u', MS_RELATIME],
    ['', MS_RDONLY | MS_RELATIME],
    ['upperdir=u,ro', MS_RDONLY | MS_RELATIME],
    ['upperdir=u,ro,rw', MS_RELATIME],
    ['upperdir=u,nosuid,nodev,noexec', MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME],
    ['upperdir=u,nosuid,suid,nodev,dev', MS_RELATIME],
    ['upperdir=u,noatime', MS_NOATIME],
    ['upperdir=u,noatime,atime', MS_RELATIME],
    ['upperdir=u,noatime,norelatime', MS_NOATIME],
    ['upperdir=u,noatime,relatime', MS_RELATIME],
    ['upperdir=u,noatime,strictatime', MS_STRICTATIME],
    ['upperdir=u,strictatime,nostrictatime', MS_RELATIME],
    ['upperdir=u,nodiratime', MS_RELATIME | MS_NODIRATIME],
    ['upperdir=u,nodiratime,diratime,strictatime', MS_STRICTATIME],
  ])('the last word holds in the flags of %j', (list, flags) => {
    expect(mountFlags(apply(list).config)).toBe(flags);
  });

  it('volatile leaves a mark, fsync=0 does not, and the two contradict each other', () => {
    expect(apply('volatile').config).toMatchObject({ volatile: true, fsync: true });
    expect(apply('fsync=volatile').config).toMatchObject({ volatile: true, fsync: true });
    expect(apply('fsync=0').config).toMatchObject({ volatile: false, fsync: false });
    expect(apply('fsync=auto').config).toMatchObject({ volatile: false, fsync: true });
    expect(() => apply('fsync=0,volatile')).toThrow('fsync: 0: contradicts volatile (EINVAL)');
    expect(() => apply('fsync=1,volatile')).toThrow('fsync: 1: contradicts volatile (EINVAL)');
  });

  describe("in fuse-overlayfs's command line", () => {
    it.each(['fsync=0,volatile', 'volatile,fsync=0', 'fsync=1,volatile', 'volatile,fsync=auto', 'fsync=volatile'])(
      '%s means volatile, which promises least',
      (list) => {
        const { config, unknown, refused } = asFuseOverlayfs(list);
        expect([config.volatile, unknown, refused]).toEqual([true, [], []]);
      },
    );

    it('the last of several values of an option holds', () => {
      expect(asFuseOverlayfs('lowerdir=a,lowerdir=b,fsync=0,fsync=1').config).toMatchObject({
        lowers: ['b'],
        fsync: true,
      });
    });

    it.each(['userxattr,metacopy=on', 'metacopy=on,redirect_dir=off', 'redirect_dir=off,metacopy=on'])(
      '%s turns metacopy off',
      (list) => {
        const { config, refused } = asFuseOverlayfs(list);
        expect(config.overlay?.metacopy).toBe(false);
        expect(refused).toEqual([expect.stringMatching(/^metacopy: on: contradicts (userxattr|redirect_dir=off) /)]);
      },
    );

    it('metacopy=on holds alone, and with redirect_dir=on', () => {
      for (const list of ['metacopy=on', 'metacopy=on,redirect_dir=on']) {
        expect(asFuseOverlayfs(list)).toMatchObject({ config: { overlay: { metacopy: true } }, refused: [] });
      }
    });

    it('a wrong value of an option that fuse-overlayfs ignores is ignored too', () => {
      expect(asFuseOverlayfs('nfs_export=on,verity=require,uuid=on,xino=1,index,metacopy=x').refused).toHaveLength(6);
      expect(asFuseOverlayfs('volatile=1,ro=1,userxattr=1').unknown).toEqual(['volatile=1', 'ro=1', 'userxattr=1']);
    });

    it.each(['redirect_dir=yes', 'fsync=2', 'lowerdir=', 'passthrough=x', 'lowerdir=a,lowerdir+=b', 'uidmapping=x'])(
      '%s is refused, as by plyfs mount',
      (list) => expect(() => asFuseOverlayfs(list)).toThrow(/EINVAL/),
    );
  });

  it('unknown options are returned, each once; known options of other programs are not', () => {
    expect(read('x,y=1,x,userxattr,index=off,redirect_dir=nofollow,xino=auto,private,relatime').unknown).toEqual([
      'x',
      'y=1',
    ]);
  });

  it('of several values of a feature of the kernel, the last one holds', () => {
    expect(read('redirect_dir=on,metacopy=off,metacopy=on,index=on,userxattr').values).toEqual({
      redirectDir: 'on',
      metacopy: true,
      index: true,
      userxattr: true,
    });
    expect(read('xino=auto,uuid=null,nfs_export=off,verity=off,userxattr').unknown).toEqual([]);
    expect(read('uuid=off').values).toEqual({ uuid: false });
    expect(read('').values).toEqual({});
  });

  it.each([
    'metacopy=x',
    'redirect_dir=yes',
    'index',
    'userxattr=1',
    'verity=on',
    'nfs_export=on',
    'uuid=on',
    'xino=1',
  ])('%s is refused', (list) => expect(() => apply(list)).toThrow(/EINVAL/));

  it.each([
    ['lowerdir=a:b::c::d', ['a', 'b', 'c', 'd'], 2],
    ['lowerdir=a\\:\\:b::c', ['a::b', 'c'], 1],
    ['lowerdir+=a:b,lowerdir+=c\\d,datadir+=e', ['a:b', 'c\\d', 'e'], 1],
  ])('%s means the layers %j, the last %i of them data-only', (list, lowers, dataLayers) =>
    expect(apply(list).config).toMatchObject({ lowers, dataLayers }),
  );

  it.each([
    ['lowerdir=a::b:c', 'a layer after a data-only one'],
    ['lowerdir=a:::b', 'empty path'],
    ['lowerdir=::a', 'empty path'],
    ['lowerdir=a::', 'empty path'],
    ['lowerdir+=', 'empty path'],
    ['datadir+=a', 'needs a lowerdir+ before it'],
    ['lowerdir+=a,datadir+=b,lowerdir+=c', 'cannot follow a datadir+'],
    ['lowerdir=a,lowerdir+=b', 'contradicts lowerdir'],
    ['lowerdir+=b,lowerdir=a', 'contradicts lowerdir'],
  ])('%s is refused: %s', (list, why) => expect(() => apply(list)).toThrow(why));

  it('the same value twice is no contradiction', () => {
    expect(apply('lowerdir=a,lowerdir=a').config.lowers).toEqual(['a']);
  });

  it.each(['timeout=', 'timeout=-1', 'timeout=1e3', 'timeout=2000000000', 'max_layers=0', 'max_layers=1.5', 'fsync=2'])(
    '%s is refused',
    (list) => expect(() => apply(list)).toThrow(/EINVAL/),
  );
});
