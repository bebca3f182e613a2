/**
 * `-o remount`, by plyfs itself and by mount(8) through a link as helper. The kernel's overlayfs does the
 * same.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS, TRANSPORT } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable() ?? (TRANSPORT === 'fuse-native' ? 'only of the default transport' : null);
const DONE = { status: 0, stdout: '', stderr: '' };

describe.skipIf(unavailable !== null)(`remount ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => box.dispose());

  const at = (name: string): string => `${box.mountpoint}/${name}`;
  const options = (): string[] =>
    run('findmnt', ['-nro', 'OPTIONS', box.mountpoint]).stdout.trim().split(',').slice(0, 4);

  function mount(extra = ''): void {
    expect(run(PLYFS, ['mount', '-o', `${box.options}${extra}`, box.mountpoint], { cwd: box.dir })).toEqual(DONE);
  }
  const remount = (list: string): Outcome => run(PLYFS, ['mount', '-o', `remount,${list}`, box.mountpoint]);

  /** The options that mount(8) passes: all options of the mount, then those of the user. */
  function byHelper(list: string): Outcome {
    symlinkSync(PLYFS, box.at('mount.fuse.plyfs'));
    const own = 'rw,relatime,remount,user_id=0,group_id=0,default_permissions,allow_other';
    return run(box.at('mount.fuse.plyfs'), ['plyfs', box.mountpoint, '-o', `${own},${list}`]);
  }

  it.each([
    ['plyfs mount', () => remount('ro')],
    ['mount(8)', () => byHelper('ro')],
    ['mount -i', () => run('mount', ['-i', '-o', 'remount,ro', box.mountpoint])],
  ])('%s: ro, then rw', (_, toReadOnly) => {
    mount();
    writeFileSync(at('new'), 'before');
    expect(toReadOnly()).toEqual(DONE);
    expect(options()).toContain('ro');
    expect(() => writeFileSync(at('new'), '')).toThrow('EROFS');
    expect(readFileSync(at('new'), 'utf8')).toBe('before');
    expect(remount('rw')).toEqual(DONE);
    writeFileSync(at('new'), 'after');
    expect(readFileSync(box.at('up/new'), 'utf8')).toBe('after');
  });

  it('ro is EBUSY while a file is open for writing, and nothing has changed', () => {
    mount();
    const fd = openSync(at('new'), 'w');
    try {
      expect(remount('ro,noatime')).toEqual({
        status: 1,
        stdout: '',
        stderr: `plyfs: remount: ${box.mountpoint}: files are open for writing (EBUSY); close them first (see fuser -m)\n`,
      });
    } finally {
      closeSync(fd);
    }
    expect(options()).toEqual(expect.arrayContaining(['rw', 'relatime']));
    writeFileSync(at('new'), 'still');
  });

  it('rw is refused if the mount was made read-only', () => {
    mount(',ro');
    expect(remount('rw')).toMatchObject({ status: 1, stderr: expect.stringContaining('was made read-only (EROFS)') });
    expect(options()).toContain('ro');
    // Other changes are not refused.
    expect(remount('nodev')).toEqual(DONE);
    expect(options()).toEqual(expect.arrayContaining(['ro', 'nodev']));
  });

  it('access times change by the new option, and other flags stay', () => {
    mount(',nosuid');
    writeFileSync(at('new'), 'content');
    const moves = (): boolean => {
      utimesSync(at('new'), 1_000_000_000, 1_000_000_000);
      readFileSync(at('new'));
      return statSync(at('new')).atimeMs !== 1e12;
    };
    expect(moves()).toBe(true);
    expect(remount('noatime')).toEqual(DONE);
    expect(options()).toEqual(expect.arrayContaining(['rw', 'nosuid', 'noatime']));
    expect(moves()).toBe(false);
    expect(remount('relatime')).toEqual(DONE);
    expect(moves()).toBe(true);
  });

  it.each([
    ['lowerdir=/', 'lowerdir=/'],
    ['noatime,metacopy=on', 'metacopy=on'],
    ['append=/', 'append=/'],
  ])('%s is refused in one line, and nothing has changed', (list, named) => {
    mount();
    const before = options();
    expect(remount(list)).toEqual({
      status: 1,
      stdout: '',
      stderr: `plyfs: remount: ${named}: cannot be changed while it is mounted (EINVAL); unmount it and mount it again\n`,
    });
    expect(options()).toEqual(before);
  });

  it('without a mount it is an error', () => {
    expect(remount('ro')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no FUSE mount is there (EINVAL)'),
    });
    expect(spawnSync('mountpoint', ['-q', box.mountpoint]).status).not.toBe(0);
  });
});
