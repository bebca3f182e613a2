/** The command lines with which container tools run a mount program. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();
const FUSE_SUPER_MAGIC = 0x65735546;

describe.skipIf(unavailable !== null)(`the drop-in command line ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
  });
  afterEach(() => box.dispose());

  function expectMounted(outcome: { status: number | null; stderr: string }, stderr = ''): void {
    expect(outcome).toMatchObject({ status: 0, stderr });
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
  }

  it('podman: -o with an empty option and a trailing comma', () => {
    expectMounted(box.plyfs('-o', `${box.options},,volatile,`, box.mountpoint));
    expect(statfsSync(box.mountpoint).type).toBe(FUSE_SUPER_MAGIC);
  });

  it('podman: layers by relative symlinks in the working directory', () => {
    mkdirSync(box.at('l'));
    symlinkSync('../top', box.at('l/AAAA'));
    symlinkSync('../base', box.at('l/BBBB'));
    expectMounted(box.plyfs('-o', 'lowerdir=l/AAAA:l/BBBB,upperdir=up,workdir=work', 'mnt'));
  });

  it('podman: a read-only mount without an upper, also of one layer', () => {
    expectMounted(box.plyfs('-o', 'lowerdir=top:base', 'mnt'));
    expect(run('umount', [box.mountpoint]).status).toBe(0);
    expect(box.plyfs('-o', 'lowerdir=top', 'mnt').status).toBe(0);
    expect(readdirSync(box.mountpoint)).toEqual(['from-top']);
    expect(run('touch', [box.at('mnt/x')]).stderr).toContain('Read-only file system');
  });

  describe('.wh. files of the upper', () => {
    /**
     * podman makes such files to find out what a layer has changed. fuse-overlayfs writes them to an upper in
     * which it cannot make devices.
     */
    beforeEach(() => {
      writeFileSync(box.at('up/.wh.from-base'), '');
      mkdirSync(box.at('base/dir/sub'), { recursive: true });
      mkdirSync(box.at('up/dir'));
      writeFileSync(box.at('up/dir/.wh.sub'), '');
    });

    it('are also whiteouts if the upper is an aufs branch with its bookkeeping', () => {
      for (const name of ['up/.wh..wh.plnk', 'up/.wh..wh.orph', 'base/.wh..wh.orph']) mkdirSync(box.at(name));
      writeFileSync(box.at('up/.wh..wh.plnk/1.2'), '');
      expect(box.plyfs('-o', box.options, box.mountpoint)).toMatchObject({ status: 0, stderr: '' });
      expect(readdirSync(box.mountpoint).sort()).toEqual(['dir', 'from-top']);
    });

    it('are whiteouts, as for fuse-overlayfs', () => {
      expect(box.plyfs('-o', box.options, box.mountpoint)).toMatchObject({ status: 0, stderr: '' });
      expect([readdirSync(box.mountpoint).sort(), readdirSync(box.at('mnt/dir'))]).toEqual([['dir', 'from-top'], []]);
      expect(existsSync(box.at('mnt/from-base'))).toBe(false);
      expect(run('touch', [box.at('mnt/.wh.new')]).stderr).toContain('Operation not permitted');
      expect(run('mv', [box.at('mnt/from-top'), box.at('mnt/.wh.moved')]).stderr).toContain('Operation not permitted');
      writeFileSync(box.at('mnt/from-base'), 'again');
      mkdirSync(box.at('mnt/dir/sub'));
      expect(run('umount', [box.mountpoint]).status).toBe(0);
      expect(box.plyfs('-o', box.options, box.mountpoint).status).toBe(0);
      expect(readFileSync(box.at('mnt/from-base'), 'utf8')).toBe('again');
      rmSync(box.at('mnt/dir'), { recursive: true });
      rmSync(box.at('mnt/from-base'));
      expect(readdirSync(box.mountpoint)).toEqual(['from-top']);
    });

    it('are files with plyfs mount, as in the kernel', () => {
      expect(box.plyfs('mount', '-o', box.options, box.mountpoint)).toMatchObject({ status: 0, stderr: '' });
      expect(readdirSync(box.mountpoint).sort()).toEqual(['.wh.from-base', 'dir', 'from-base', 'from-top']);
    });
  });

  it('mount.fuse3: the source first, options after the mountpoint, -o more than once', () => {
    const [lower, upper, work] = box.options.split(',') as [string, string, string];
    expectMounted(box.plyfs('overlay', 'mnt', '-o', `${work},${upper},${lower}`, '-o', 'dev,suid'));
    expect(run('findmnt', ['-no', 'SOURCE,FSTYPE', box.mountpoint]).stdout).toMatch(/^overlay\s+fuse\.plyfs$/m);
  });

  it.each([
    ['by name', 'plyfs'],
    ['by absolute path', ''],
  ])('containerd: mount.fuse3 runs the program %s, with each option as an argument', (_, name) => {
    mkdirSync(box.at('bin'));
    symlinkSync(PLYFS, box.at('bin/plyfs'));
    const [lower, upper, work] = box.options.split(',') as [string, string, string];
    const args = ['overlay', box.mountpoint, '-o', work, '-o', upper, '-o', lower, '-t', name || box.at('bin/plyfs')];
    const env = { PATH: `${box.at('bin')}:/sbin:${process.env.PATH}` };
    expectMounted(run('mount.fuse3', args, { cwd: box.dir, env }));
    expect(run('findmnt', ['-no', 'SOURCE,FSTYPE', box.mountpoint]).stdout).toMatch(/^overlay\s+fuse\.plyfs$/m);
  });

  describe('mount(8)', () => {
    let helper: string;
    /** A helper in the directory where mount(8) looks for them. The test replaces no existing file. */
    const type = `plyfs-test-${process.pid}`;
    const installed = `/sbin/mount.${type}`;

    beforeEach(() => {
      helper = box.at('mount.plyfs');
      symlinkSync(PLYFS, helper);
      symlinkSync(PLYFS, installed);
      symlinkSync(PLYFS, box.at('plyfs'));
    });
    afterEach(() => rmSync(installed));

    it('calls a helper with flags of its own', () => {
      expectMounted(
        run(helper, ['overlay', box.mountpoint, '-n', '-sv', '-o', box.options, '-t', 'plyfs'], { cwd: box.dir }),
      );
      expect(run('findmnt', ['-no', 'SOURCE,FSTYPE', box.mountpoint]).stdout).toMatch(/^overlay\s+fuse\.plyfs$/m);
    });

    it('refuses the same options as plyfs mount', () => {
      const outcome = run(helper, ['overlay', box.mountpoint, '-o', `${box.options},nfs_export=on`], { cwd: box.dir });
      expect(outcome).toMatchObject({ status: 1, stderr: expect.stringMatching(/^plyfs: nfs_export: on: .*\n$/) });
      expect(box.isMounted()).toBe(false);
    });

    it('refuses less by the name of fuse-overlayfs', () => {
      const inItsPlace = box.at('mount.fuse.fuse-overlayfs');
      symlinkSync(PLYFS, inItsPlace);
      const args = ['overlay', box.mountpoint, '-o', `${box.options},nfs_export=on`];
      expect(run(inItsPlace, args, { cwd: box.dir })).toMatchObject({ status: 0 });
      expect(box.isMounted()).toBe(true);
    });

    it('-f mounts nothing', () => {
      expect(run(helper, ['overlay', box.mountpoint, '-f', '-o', box.options], { cwd: box.dir })).toMatchObject({
        status: 0,
        stderr: '',
      });
      expect(box.isMounted()).toBe(false);
    });

    it('layers of aufs', () => {
      const branches = ['br', `${box.at('up')}=rw:${box.at('base')}=ro+wh`].join(':');
      const outcome = run(helper, ['none', box.mountpoint, '-o', branches, '-t', 'plyfs.aufs'], { cwd: box.dir });
      expect(outcome).toMatchObject({ status: 0, stderr: '' });
      expect(readdirSync(box.mountpoint)).toEqual(['from-base']);
    });

    it('-t plyfs, through a helper in /sbin', () => {
      const outcome = run('mount', ['-t', type, 'overlay', box.mountpoint, '-o', box.options], {});
      expectMounted(outcome);
    });

    it('-t fuse.plyfs, through mount.fuse, which finds plyfs in the default PATH of /bin/sh', () => {
      // mount(8) removes PATH from the environment (lib/env.c:sanitize_env).
      const program = `/usr/local/bin/${type}`;
      symlinkSync(PLYFS, program);
      try {
        expectMounted(run('mount', ['-t', `fuse.${type}`, 'overlay', box.mountpoint, '-o', box.options]));
      } finally {
        rmSync(program);
      }
    });

    it('a line of fstab', () => {
      box.write('fstab', `overlay ${box.mountpoint} ${type} ${box.options},noauto,x-mount.mkdir 0 0\n`);
      expectMounted(run('mount', ['-T', box.at('fstab'), box.mountpoint], {}));
    });
  });

  it('one option for each layer, without escapes in the path', () => {
    mkdirSync(box.at('a:b\\c'));
    box.write('a:b\\c/odd', '');
    const outcome = box.plyfs('-o', 'lowerdir+=a:b\\c,lowerdir+=top,lowerdir+=base,upperdir=up,workdir=work', 'mnt');
    expect(outcome).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top', 'odd']);
  });

  it('the value of -o in the same argument', () => {
    expectMounted(box.plyfs(`-o${box.options}`, 'mnt'));
  });

  it('containerd: ro together with an upper', () => {
    box.write('up/from-up', '');
    expect(box.plyfs('-o', `${box.options},ro`, 'mnt')).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top', 'from-up']);
    expect(run('touch', [box.at('mnt/x')]).stderr).toContain('Read-only file system');
    expect(readdirSync(box.at('work'))).toEqual([]);
  });

  it.each(['ro,rw', 'rw,ro'])('%s: read-only, as with fuse-overlayfs, which does not know rw', (words) => {
    expect(box.plyfs('-o', `${box.options},${words}`, 'mnt')).toMatchObject({ status: 0, stderr: '' });
    expect(run('touch', [box.at('mnt/x')]).stderr).toContain('Read-only file system');
  });

  it('unknown options are named once and ignored; options of the kernel without effect are silent', () => {
    const extra = 'clone_fd,nonsense,nonsense,userxattr,index=off,lazytime,private,context="a:b,c"';
    expectMounted(
      box.plyfs('-o', `${box.options},${extra}`, '-o', 'nonsense', 'mnt'),
      ['plyfs: unknown option ignored: clone_fd\n', 'plyfs: unknown option ignored: nonsense\n'].join(''),
    );
  });

  it.each([
    ['fsync=0,volatile', []],
    ['volatile,fsync=1', []],
    ['metacopy=on,redirect_dir=off', ['plyfs: option ignored: metacopy: on: contradicts redirect_dir=off']],
    ['verity=require,nfs_export=on', ['plyfs: option ignored: verity: require:', 'plyfs: option ignored: nfs_export:']],
    ['volatile=1', ['plyfs: unknown option ignored: volatile=1']],
  ])('an option that fuse-overlayfs accepts is not an error: %s', (words, lines) => {
    const { status, stderr } = box.plyfs('-o', `${box.options},${words}`, 'mnt');
    expect([status, stderr.split('\n')]).toEqual([0, [...lines.map((line) => expect.stringContaining(line)), '']]);
    expect(readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
  });

  it('without PATH in the environment, through a link of another name in another directory', () => {
    mkdirSync(box.at('bin'));
    symlinkSync(PLYFS, box.at('bin/real'));
    symlinkSync('real', box.at('bin/fuse-overlayfs'));
    expectMounted(run(box.at('bin/fuse-overlayfs'), ['-o', box.options, 'mnt'], { cwd: box.dir, env: {} }));
  });

  it('found in PATH', () => {
    mkdirSync(box.at('bin'));
    symlinkSync(PLYFS, box.at('bin/fuse-overlayfs'));
    const script = `PATH="${box.at('bin')}:$PATH"; fuse-overlayfs overlay mnt -o ${box.options}`;
    expectMounted(run('/bin/sh', ['-c', script], { cwd: box.dir }));
  });

  it('paths with colons, commas, backslashes, spaces and bytes that are not UTF-8', () => {
    mkdirSync(box.at('a:b,c\\d e'));
    box.write('a:b,c\\d e/odd', '');
    const bytes = Buffer.concat([Buffer.from(`${box.dir}/`), Buffer.from([0x66, 0xff, 0xfe])]);
    mkdirSync(bytes);
    // The shell's printf makes the bytes, because spawn of Node takes only text.
    const script = `exec "${PLYFS}" -o "lowerdir=a\\\\:b\\\\,c\\\\\\\\d e:$(printf 'f\\377\\376'):top" "$(printf 'f\\377\\376')"`;
    expect(run('/bin/sh', ['-c', script], { cwd: box.dir })).toMatchObject({ status: 0, stderr: '' });
    expect(readdirSync(bytes).sort()).toEqual(['from-top', 'odd']);
    expect(run('/bin/sh', ['-c', `exec "${PLYFS}" umount "$(printf 'f\\377\\376')"`], { cwd: box.dir })).toMatchObject({
      status: 0,
      stderr: '',
    });
  });

  it('shows the requested name and type', () => {
    expectMounted(box.plyfs('-o', `${box.options},fsname=my name,subtype=thing,nosuid,nodev,noexec`, 'mnt'));
    const { stdout } = run('findmnt', ['-nro', 'SOURCE,FSTYPE,OPTIONS', box.mountpoint]);
    expect(stdout).toMatch(/^my\\x20name fuse\.thing rw,nosuid,nodev,noexec,relatime/);
    expect(stdout).toContain('default_permissions,allow_other');
  });
});
