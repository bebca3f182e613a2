import { describe, expect, it } from 'vitest';
import { isReadOnly, type MountConfig } from '../../../../../src/server/config/mount-config.js';
import type { OptionValues } from '../../../../../src/server/options/kinds/option-entry.js';
import { splitOptions } from '../../../../../src/server/options/kinds/option-list.js';
import { readOptions } from '../../../../../src/server/options/read-options.js';
import { resolveMount } from '../../../../../src/server/options/resolve-mount.js';

function apply(list: string): { config: MountConfig; warnings: readonly string[]; unknown: readonly string[] } {
  const values: OptionValues = { dialect: 'aufs' };
  const { unknown, unsupported } = readOptions(splitOptions(list), values);
  const warnings = [...unsupported];
  return { config: resolveMount(values, (line) => warnings.push(line)), warnings, unknown };
}

describe('branches', () => {
  it.each([
    'br:/rw=rw:/l1=ro+wh:/l2=ro+wh',
    'br=/rw=rw:/l1=ro+wh:/l2=rr+wh',
    'dirs=/rw:/l1=ro+wh:/l2=ro+wh',
    'upperdir=/rw,lowerdir=/l1:/l2',
  ])('%s is one rw branch on two whose whiteouts count', (list) => {
    const { config, warnings, unknown } = apply(list);
    expect(config).toMatchObject({ upper: '/rw', lowers: ['/l1', '/l2'] });
    expect(config.aufs).toMatchObject({ ignoresWhiteouts: [], linkWhiteouts: true });
    expect([...warnings, ...unknown]).toEqual([]);
  });

  it('the first branch is rw by default, the others are ro; whiteouts of a ro or rr branch count only with +wh', () => {
    const { config } = apply('br:/a:/b:/c=ro+wh:/d=rr');
    expect(config).toMatchObject({ upper: '/a', lowers: ['/b', '/c', '/d'] });
    expect(config.aufs.ignoresWhiteouts).toEqual([0, 2]);
  });

  it('on a mount with ro, all branches without a permission are ro', () => {
    expect(apply('ro,br:/a:/b').config).toMatchObject({ lowers: ['/a', '/b'], readOnly: true });
    expect(apply('br:/a=rw:/b,ro').config).toMatchObject({ upper: '/a', lowers: ['/b'], readOnly: true });
    expect(isReadOnly(apply('br:/a=ro:/b=ro').config)).toBe(true);
  });

  it('paths can contain equals signs, escaped colons and commas', () => {
    expect(apply('br:/a=b/c=rw:/d\\:e=ro:/f\\,g=ro').config).toMatchObject({
      upper: '/a=b/c',
      lowers: ['/d:e', '/f,g'],
    });
  });

  it('nolwh reaches the config; attributes about copying and moving have no effect', () => {
    const { config, warnings } = apply('br:/a=rw+nolwh+moo+fhsm:/b=ro+coo_all+icexsec+unpin+wh');
    expect(config.aufs).toMatchObject({ linkWhiteouts: false, ignoresWhiteouts: [] });
    expect(warnings).toEqual([]);
  });

  it('an unknown permission is ro, an unknown attribute has no effect, and both are reported', () => {
    const { config, warnings } = apply('br:/a=rw:/b=rx:/c=ro+what');
    expect(config.lowers).toEqual(['/b', '/c']);
    expect(warnings).toEqual(['branch /b: unknown permission rx, taken as ro', 'branch /c: attribute ignored: what']);
  });

  it.each([
    ['br:/a=rw:/b=rw', 'br: /b: only the first branch can be rw here (EINVAL)'],
    ['br:/a=ro:/b=rw', 'br: /b: only the first branch can be rw here (EINVAL)'],
    ['br:', 'br: empty (EINVAL)'],
    ['br:/a=rw:', "br: '': empty path (EINVAL)"],
    ['br:/a,br:/b', 'br: /b: given twice, first as /a (EINVAL)'],
    ['br:/a,lowerdir=/b', 'lowerdir: /b: contradicts br (EINVAL)'],
    ['br:/a:/b,lowerdir+=/c', 'lowerdir+: /c: contradicts br (EINVAL)'],
    ['lowerdir+=/c,br:/a:/b', 'lowerdir+: /c: contradicts br (EINVAL)'],
    ['br:/a:/b,datadir+=/c', 'datadir+: /c: the aufs dialect has no data-only layers (EINVAL)'],
    ['lowerdir+=/a,datadir+=/c', 'datadir+: /c: the aufs dialect has no data-only layers (EINVAL)'],
    ['br:/a,diropq=x', 'diropq: x: must be always, a, whiteouted or w (EINVAL)'],
  ])('%s is refused', (list, message) => {
    expect(() => apply(list)).toThrow(message);
  });
});

describe('other options of aufs', () => {
  it('an option without effect is accepted silently', () => {
    const silent =
      'xino=/dev/shm/x,noxino,dio,udba=none,dirperm1,warn_perm,rdcache=10,create=tdp,cpup=tdp,diropq=w,plink';
    expect(apply(`br:/a,${silent}`)).toMatchObject({ warnings: [], unknown: [] });
  });

  it('an option that plyfs does not support is reported', () => {
    expect(apply('br:/a,shwh,create=mfs,append:/x=ro,dirren').warnings).toEqual([
      'option of aufs that plyfs does not support: shwh',
      'option of aufs that plyfs does not support: create=mfs',
      'option of aufs that plyfs does not support: append:/x=ro',
      'option of aufs that plyfs does not support: dirren',
    ]);
  });

  it.each(['squash_to_uid:3', 'log:lg', 'volatile:1', 'lowerdir:/l', 'dirs:/a', 'diropq:a', 'shwh:1'])(
    'a colon in %s does not begin a value',
    (option) => expect(apply(`br:/a,${option}`)).toMatchObject({ warnings: [], unknown: [option] }),
  );

  it('workdir is ignored, with a warning', () => {
    const { config, warnings } = apply('upperdir=/u,workdir=/w,lowerdir=/l');
    expect(config.work).toBeUndefined();
    expect(warnings).toHaveLength(1);
  });

  it('noplink and diropq=always reach the config; any other option is unknown', () => {
    const { config, unknown } = apply('br:/a,noplink,diropq=a,nonsense');
    expect(config.aufs).toMatchObject({ keepLinks: false, alwaysOpaque: true });
    expect(unknown).toEqual(['nonsense']);
  });
});
