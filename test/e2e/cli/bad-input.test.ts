/** Refusals: one line with the object and the reason, a status, and nothing is mounted or made. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`bad input ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
    box.write('file', '');
    mkdirSync(box.at('top/inside'));
    mkdirSync(box.at('up/inside'));
    mkdirSync(box.at('work/inside'));
  });
  afterEach(() => box.dispose());

  function tree(): string[] {
    return readdirSync(box.dir, { recursive: true, encoding: 'utf8' }).sort();
  }

  function expectRefused(args: readonly string[], line: string | RegExp, status = 1): void {
    const before = tree();
    const outcome = box.plyfs(...args);
    expect(outcome.stderr).toMatch(/^plyfs: [^\n]+\n$/);
    if (typeof line === 'string') expect(outcome.stderr).toContain(`plyfs: ${line}`);
    else expect(outcome.stderr).toMatch(line);
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(box.isMounted()).toBe(false);
    expect(tree()).toEqual(before);
  }

  const options: readonly (readonly [string, string, string | RegExp])[] = [
    ['a missing layer', 'lowerdir=nope:base', 'lowerdir: nope: no such file or directory (ENOENT)'],
    ['a layer that is a file', 'lowerdir=top:file', 'lowerdir: file: not a directory (ENOTDIR)'],
    ['no lowerdir', 'upperdir=up,workdir=work', 'lowerdir: missing (EINVAL); give'],
    ['an empty lowerdir', 'lowerdir=', 'lowerdir: empty (EINVAL)'],
    ['an empty fsname', 'lowerdir=top,fsname=', 'fsname: empty (EINVAL)'],
    ['a lowerdir without value', 'lowerdir', 'lowerdir: needs a value'],
    ['a colon at the end', 'lowerdir=top:', "lowerdir: 'top:': a colon at the start or end"],
    ['a colon at the start', 'lowerdir=:top', "lowerdir: ':top': a colon at the start or end"],
    ['a data-only layer without others', 'lowerdir=::base', "lowerdir: '::base': a colon at the start or end"],
    [
      'a missing upper',
      'lowerdir=top,upperdir=nope,workdir=work',
      'upperdir: nope: no such file or directory (ENOENT)',
    ],
    ['a missing work', 'lowerdir=top,upperdir=up,workdir=nope', 'workdir: nope: no such file or directory (ENOENT)'],
    ['an upper without work', 'lowerdir=top,upperdir=up', 'workdir: missing, and upperdir needs it (EINVAL)'],
    [
      'work inside upper',
      'lowerdir=top,upperdir=up,workdir=up/inside',
      /^plyfs: workdir: up\/inside: .*separate trees/,
    ],
    ['upper inside work', 'lowerdir=top,upperdir=work/inside,workdir=work', /^plyfs: workdir: work: .*separate trees/],
    ['upper and work the same', 'lowerdir=top,upperdir=up,workdir=up', /^plyfs: workdir: up: .*separate trees/],
    ['a layer given twice', 'lowerdir=top:base:top', 'lowerdir: top: is also lower layer 1 (ELOOP)'],
    ['a layer inside another', 'lowerdir=top/inside:top', 'lowerdir: top/inside: is inside lower layer 2 (ELOOP)'],
    [
      'a lower inside the upper',
      'lowerdir=up/inside,upperdir=up,workdir=work',
      'lowerdir: up/inside: is inside upperdir (ELOOP)',
    ],
    [
      'a lower inside the work',
      'lowerdir=work/inside,upperdir=up,workdir=work',
      'lowerdir: work/inside: is inside workdir (ELOOP)',
    ],
    ['the upper as a lower', 'lowerdir=up,upperdir=up,workdir=work', 'lowerdir: up: is also upperdir (ELOOP)'],
    [
      'max_layers beyond the kernel',
      'lowerdir=top,max_layers=501',
      'max_layers: 501: must be a whole number from 1 to 500',
    ],
    ['a timeout that is no number', 'lowerdir=top,timeout=soon', 'timeout: soon: must be a number from 0'],
    ['an unknown passthrough', 'lowerdir=top,passthrough=all', 'passthrough: all: must be auto or off'],
  ];
  it.each(options)('%s', (_, text, line) => {
    expectRefused(['-o', text, 'mnt'], line);
    expectRefused(['mount', '-o', text, 'mnt'], line);
  });

  it.each([
    ['fsync against volatile', 'lowerdir=top,volatile,fsync=1', 'fsync: 1: contradicts volatile'],
    ['an option given twice', 'lowerdir=top,lowerdir=base', 'lowerdir: base: given twice, first as top'],
    ['a value for a word', 'lowerdir=top,ro=1', 'ro: takes no value, and was given 1 (EINVAL)'],
  ])('plyfs mount: %s', (_, text, line) => expectRefused(['mount', '-o', text, 'mnt'], line));

  it('a layer given twice through a symlink, and one inside another through a bind mount', () => {
    symlinkSync('top', box.at('link'));
    expectRefused(['-o', 'lowerdir=link:top', 'mnt'], 'lowerdir: top: is also lower layer 1 (ELOOP)');
    mkdirSync(box.at('bound'));
    expect(spawnSync('mount', ['--bind', box.at('top/inside'), box.at('bound')]).status).toBe(0);
    expectRefused(['-o', 'lowerdir=bound:top', 'mnt'], 'lowerdir: bound: is inside lower layer 2 (ELOOP)');
  });

  it('a mountpoint inside the upper, because such a mount would wait for itself', () => {
    const line = `mountpoint: ${box.at('up/inside')}: is inside a layer (ELOOP); mount it`;
    expectRefused(['-o', 'lowerdir=base:top,upperdir=up,workdir=work', 'up/inside'], line);
  });

  it('a mountpoint inside a lower layer is allowed: the layer is read without the mounts inside it', () => {
    expect(box.plyfs('-o', 'lowerdir=/,upperdir=up,workdir=work', 'top/inside')).toMatchObject({
      status: 0,
      stderr: '',
    });
    const inner = `${box.at('top/inside')}${box.at('top')}`;
    expect(readdirSync(inner).sort()).toEqual(['from-top', 'inside']);
    expect(readdirSync(`${inner}/inside`)).toEqual([]);
    writeFileSync(`${inner}/inside/new`, '');
    expect(existsSync(`${box.at('up')}${box.at('top/inside/new')}`)).toBe(true);
    expect(box.plyfs('umount', 'top/inside').status).toBe(0);
  });

  it('a layer itself can be the mountpoint, and can be inside it', () => {
    expect(box.plyfs('-o', 'lowerdir=top:base', 'top')).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(box.at('top')).sort()).toEqual(['from-base', 'from-top', 'inside']);
    expect(box.plyfs('umount', 'top').status).toBe(0);
    mkdirSync(box.at('home/layer/dir'), { recursive: true });
    expect(box.plyfs('-o', 'lowerdir=home/layer', 'home')).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(box.at('home'), { recursive: true })).toEqual(['dir']);
  });

  it('what the kernel allows is allowed: upper and work below a lower', () => {
    mkdirSync(box.at('top/w'));
    expect(box.plyfs('-o', 'lowerdir=top,upperdir=top/inside,workdir=top/w', 'mnt')).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it('work on another file system', () => {
    mkdirSync(box.at('other'));
    expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', box.at('other')]).status).toBe(0);
    expectRefused(
      ['-o', 'lowerdir=top,upperdir=up,workdir=other', 'mnt'],
      'workdir: other: not on the same mount as upperdir (EINVAL)',
    );
  });

  it('a workdir that cannot be used is named', () => {
    mkdirSync(box.at('work/work'));
    expect(spawnSync('chattr', ['+i', box.at('work/work')]).status).toBe(0);
    const layers = 'lowerdir=top,upperdir=up,workdir=work';
    try {
      expectRefused(
        ['-o', layers, 'mnt'],
        /^plyfs: workdir: work: its directory work cannot be used: \w+ failed \(EPERM\); give/,
      );
    } finally {
      spawnSync('chattr', ['-i', box.at('work/work')]);
    }
    box.write('work/index', '');
    const line = 'workdir: work: its directory index cannot be used: openat failed (ENOTDIR); give';
    expectRefused(['-o', `${layers},index=on`, 'mnt'], line);
  });

  it('an upper on a read-only file system, unless the mount is read-only too', () => {
    mkdirSync(box.at('other'));
    expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', box.at('other')]).status).toBe(0);
    mkdirSync(box.at('other/up'));
    mkdirSync(box.at('other/work'));
    expect(spawnSync('mount', ['-o', 'remount,ro', box.at('other')]).status).toBe(0);
    const layers = 'lowerdir=top,upperdir=other/up,workdir=other/work';
    expectRefused(['-o', layers, 'mnt'], 'upperdir: other/up: read-only file system (EROFS)');
    expect(box.plyfs('-o', `${layers},ro`, 'mnt').status).toBe(0);
  });

  it.each(['/proc', '/proc/self', '/dev/fd/', '/sys', '/sys/class/bdi'])(
    'a directory that the server needs as mountpoint: %s',
    (path) => {
      const line = `plyfs: mountpoint: ${path}: the server itself needs this directory (EBUSY); mount it elsewhere\n`;
      for (const flags of [[], ['-f']]) {
        const args = ['--mount', '--propagation=private', PLYFS, 'mount', ...flags, '-o', 'lowerdir=base', path];
        const outcome = run('unshare', args, { cwd: box.dir, timeout: 10_000 });
        expect(outcome).toEqual({ status: 1, stdout: '', stderr: line });
      }
    },
  );

  it('a mountpoint that is missing or is a file', () => {
    expectRefused(['-o', 'lowerdir=top', 'nope'], 'mountpoint: nope: no such file or directory (ENOENT)');
    expectRefused(['-o', 'lowerdir=top', 'file'], 'mountpoint: file: not a directory (ENOTDIR)');
  });

  it('129 layers: the line names the limit and how to raise it', () => {
    const lowers = Array.from({ length: 129 }, (_, i) => `n${i}`);
    for (const name of lowers) mkdirSync(box.at(name));
    const all = `lowerdir=${lowers.join(':')}`;
    expectRefused(
      ['mount', '-o', all, 'mnt'],
      'lowerdir: 129 lower layers, and the limit is 128 (EINVAL); raise it with -o max_layers=129 (at most 500)',
    );
    expectRefused(['-o', `${all},max_layers=128`, 'mnt'], 'lowerdir: 129 lower layers, and the limit is 128');
  });

  it("501 layers: the line names the kernel's limit", () => {
    const lowers = Array.from({ length: 501 }, (_, i) => `n${i}`);
    for (const name of lowers) mkdirSync(box.at(name));
    const line = 'lowerdir: 501 lower layers, and the limit is 500 (EINVAL); that is the most, as in the kernel';
    expectRefused(['-o', `lowerdir=${lowers.join(':')}`, 'mnt'], line);
  });

  it('a wrong command line has status 2', () => {
    expectRefused(['-t', 'aufs9', '-o', 'lowerdir=top', 'mnt'], /Allowed choices are overlay, overlay2/, 2);
    expectRefused(['mount', '-t', 'ext4', '-o', 'lowerdir=top', 'mnt'], /'ext4' is invalid/, 2);
    expectRefused(['--wibble', '-o', 'lowerdir=top', 'mnt'], "unknown option '--wibble'", 2);
    expectRefused(['mount', '--wibble', 'mnt'], "unknown option '--wibble'", 2);
    expectRefused(['-o', 'lowerdir=top'], 'missing MOUNTPOINT; see plyfs mount --help', 2);
    expectRefused(['mount', '-o', 'lowerdir=top'], 'missing MOUNTPOINT; see plyfs mount --help', 2);
    expectRefused(['convert', '--to', 'aufs'], 'missing SRC; see plyfs convert --help', 2);
    expectRefused(['run', '--wibble'], "unknown option '--wibble'; see plyfs run --help", 2);
    expectRefused(['-o', 'lowerdir=top', ''], "mountpoint: '': no such file or directory (ENOENT)");
    expectRefused(['-o', 'lowerdir=top', '', 'mnt'], 'SOURCE: empty (EINVAL)');
    expectRefused(['a', 'b', 'mnt', '-o', 'lowerdir=top'], 'expected [SOURCE] MOUNTPOINT, got 3', 2);
    expectRefused([], 'no mountpoint', 2);
    expectRefused(
      ['frobnicate'],
      'frobnicate: neither a plyfs command nor a directory to mount on; see plyfs --help',
      2,
    );
    expectRefused(['umont', 'mnt'], "umont: not a plyfs command; did you mean 'umount'?; see plyfs --help", 2);
    expectRefused(['help', 'frobnicate'], 'frobnicate: not a plyfs command; see plyfs --help', 2);
    expectRefused(['top'], 'lowerdir: missing (EINVAL)');
    expectRefused(['./frobnicate'], 'mountpoint: ./frobnicate: no such file or directory (ENOENT)');
  });

  it('umount of a directory without a mount, and of another file system', () => {
    expectRefused(['umount', 'mnt'], 'umount: mnt: nothing is mounted there (EINVAL)');
    expectRefused(['umount', 'nope'], 'umount: nope: no such file or directory (ENOENT)');
    mkdirSync(box.at('other'));
    expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', box.at('other')]).status).toBe(0);
    expectRefused(['umount', 'other'], 'umount: other: not a FUSE mount, but tmpfs (EINVAL); use umount(8)');
    expectRefused(['umount'], 'missing MOUNTPOINT; see plyfs umount --help', 2);
    for (const args of [[], ['-l'], ['-f']]) {
      symlinkSync(resolve(process.env.PLYFS_PROGRAM ?? 'bin/plyfs'), box.at('umount.fuse.plyfs'));
      const { status, stderr } = run(box.at('umount.fuse.plyfs'), args);
      rmSync(box.at('umount.fuse.plyfs'));
      expect([status, stderr]).toEqual([2, 'plyfs: missing MOUNTPOINT; see plyfs umount --help\n']);
    }
  });

  it('/dev/fuse without access, and missing', () => {
    // In a mount namespace of its own, so that the device of the machine does not change.
    const plyfs = `"${process.env.PLYFS_PROGRAM ?? 'bin/plyfs'}"`;
    const inNamespace = (prepare: string): string =>
      run('unshare', [
        '-m',
        'sh',
        '-c',
        `mount -t tmpfs tmpfs /dev && ${prepare}; ${plyfs} -o lowerdir=${box.at('top')} ${box.mountpoint}`,
      ]).stderr;
    expect(inNamespace('true')).toMatch(/^plyfs: mount: \/dev\/fuse: no such file or directory \(ENOENT\); load/);
    expect(inNamespace('mkdir /dev/fuse')).toMatch(/^plyfs: mount: \/dev\/fuse: [^\n]+; [^\n]+\n$/);
    expect(box.isMounted()).toBe(false);
  });
});
