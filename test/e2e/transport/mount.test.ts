/** The default transport on a real mount of the mirror file system. */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forgetNames } from '../../harness/machine/kernel-caches.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { MirrorMount, type ServeOptions, until } from './harness.js';

describe.skipIf(process.getuid?.() !== 0)('the transport, mounted (needs root)', () => {
  let scratch: string;
  let source: string;
  let at: string;
  let mounts: MirrorMount[];

  beforeEach(() => {
    scratch = makeScratch('transport');
    source = join(scratch, 'source');
    at = join(scratch, 'mount');
    fs.mkdirSync(source);
    fs.mkdirSync(at);
    mounts = [];
  });

  afterEach(async () => {
    for (const mount of mounts) await mount.dispose();
    removeScratch(scratch);
  });

  async function serve(options: ServeOptions = {}): Promise<MirrorMount> {
    const mount = await MirrorMount.start(source, at, options);
    mounts.push(mount);
    return mount;
  }

  it('serves changes of names, attributes and data', async () => {
    const mount = await serve();
    fs.mkdirSync(join(at, 'dir'), 0o750);
    fs.writeFileSync(join(at, 'dir/file'), 'hello', { mode: 0o640 });
    fs.appendFileSync(join(at, 'dir/file'), ', world');
    fs.symlinkSync('dir/file', join(at, 'symlink'));
    fs.linkSync(join(at, 'dir/file'), join(at, 'hardlink'));
    fs.renameSync(join(at, 'dir'), join(at, 'renamed'));
    fs.truncateSync(join(at, 'renamed/file'), 5);
    expect(fs.readFileSync(join(at, 'renamed/file'), 'utf8')).toBe('hello');
    expect(fs.readlinkSync(join(at, 'symlink'))).toBe('dir/file');
    expect(fs.readdirSync(at).sort()).toEqual(['hardlink', 'renamed', 'symlink']);
    for (const times of [
      ['-a', '-d', '1969-12-31T23:59:58.5Z'],
      ['-m', '-d', '@1700000000.25'],
    ]) {
      expect(spawnSync('touch', [...times, join(at, 'renamed/file')]).status).toBe(0);
    }
    const stat = fs.statSync(join(source, 'renamed/file'));
    expect([stat.mode, stat.atimeMs, stat.mtimeMs]).toEqual([0o100640, -1500, 1_700_000_000_250]);
    const seen = fs.statSync(join(at, 'renamed/file'));
    expect([seen.ino, seen.mode, seen.size, seen.atimeMs, seen.blocks]).toEqual([
      stat.ino,
      stat.mode,
      5,
      -1500,
      stat.blocks,
    ]);
    const big = Buffer.alloc(5 << 20, 'x');
    fs.writeFileSync(join(at, 'big'), big);
    expect(fs.readFileSync(join(source, 'big')).equals(big)).toBe(true);
    fs.unlinkSync(join(at, 'hardlink'));
    fs.rmSync(join(at, 'renamed'), { recursive: true });
    expect(fs.statfsSync(at)).toMatchObject({ blocks: 1000, bfree: 500, bavail: 400, files: 300, bsize: 4096 });
    expect(mount.log).toBe('');
  });

  it('applies the umask of the caller, and makes the caller the owner', async () => {
    fs.chmodSync(source, 0o777);
    await serve();
    const script = `umask 077; mkdir ${at}/d; : > ${at}/f; mknod ${at}/p p`;
    spawnSync('setpriv', ['--reuid', '65534', '--regid', '65533', '--clear-groups', 'sh', '-c', script]);
    for (const [name, mode] of Object.entries({ d: 0o40700, f: 0o100600, p: 0o10600 })) {
      const stat = fs.lstatSync(join(source, name));
      expect([name, stat.mode, stat.uid, stat.gid]).toEqual([name, mode, 65534, 65533]);
    }
  });

  it('serves xattrs, and first their sizes', async () => {
    fs.writeFileSync(join(source, 'file'), '');
    await serve();
    const file = join(at, 'file');
    expect(spawnSync('setfattr', ['-n', 'user.a', '-v', 'value', file]).status).toBe(0);
    expect(spawnSync('getfattr', ['-n', 'user.a', '--only-values', file]).stdout.toString()).toBe('value');
    expect(spawnSync('getfattr', [file]).stdout.toString()).toContain('user.a');
    expect(spawnSync('setfattr', ['-x', 'user.a', file]).status).toBe(0);
    expect(spawnSync('getfattr', ['-n', 'user.a', file]).stderr.toString()).toContain('No such attribute');
  });

  it('serves inode flags in the size that the kernel requests', async () => {
    fs.writeFileSync(join(source, 'file'), '');
    await serve();
    expect(spawnSync('chattr', ['+d', join(at, 'file')]).stderr.toString()).toBe('');
    expect(spawnSync('lsattr', [join(at, 'file')]).stdout.toString()).toMatch(/^-+d-+ /);
  });

  it('lets the kernel cache names, missing names, symlinks and listings', async () => {
    fs.mkdirSync(join(source, 'dir'));
    for (let i = 0; i < 50; i++) fs.writeFileSync(join(source, 'dir', `file${i}`), '');
    fs.symlinkSync('dir', join(source, 'symlink'));
    const mount = await serve();
    for (let i = 0; i < 5; i++) {
      expect(fs.readdirSync(join(at, 'symlink')).length).toBe(50);
      for (let file = 0; file < 50; file++) fs.statSync(join(at, 'dir', `file${file}`));
      expect(fs.existsSync(join(at, 'missing'))).toBe(false);
    }
    const { requests } = await mount.unmount();
    // Of dir, symlink and missing. READDIRPLUS looks up the files; its second request finds the end of the
    // directory.
    expect(requests.LOOKUP).toBe(3);
    expect(requests.READLINK).toBe(1);
    expect((requests.READDIRPLUS ?? 0) + (requests.READDIR ?? 0)).toBeLessThanOrEqual(2);
    expect(requests.OPENDIR).toBe(1);
    expect(requests.RELEASEDIR).toBeUndefined();
    // Of the root, and of the directory: the first listing has changed its time of access.
    expect(requests.GETATTR ?? 0).toBeLessThanOrEqual(2);
  });

  it('shows each change made through the mount in a cached listing', async () => {
    const dir = join(at, 'dir');
    fs.mkdirSync(join(source, 'dir'));
    const mount = await serve();
    const expected = new Set<string>();
    const check = (): void => expect(fs.readdirSync(dir).sort()).toEqual([...expected].sort());
    for (let i = 0; i < 10; i++) {
      fs.writeFileSync(join(dir, `file${i}`), '');
      expected.add(`file${i}`);
      check();
      check();
    }
    fs.unlinkSync(join(dir, 'file3'));
    expected.delete('file3');
    check();
    fs.renameSync(join(dir, 'file4'), join(dir, 'renamed'));
    expected.delete('file4');
    expected.add('renamed');
    check();
    fs.renameSync(join(dir, 'renamed'), join(at, 'elsewhere'));
    expected.delete('renamed');
    check();
    fs.linkSync(join(at, 'elsewhere'), join(dir, 'link'));
    expected.add('link');
    check();
    fs.mkdirSync(join(dir, 'sub'));
    expected.add('sub');
    check();
    fs.rmdirSync(join(dir, 'sub'));
    expected.delete('sub');
    check();
    await mount.unmount();
  });

  it('lists a directory of many long names completely', async () => {
    const names = Array.from({ length: 2000 }, (_, i) => `${i}-${'n'.repeat(i % 200)}`);
    for (const name of names) fs.writeFileSync(join(source, name), '');
    await serve();
    expect(fs.readdirSync(at).sort()).toEqual(names.sort());
    expect(spawnSync('find', [at, '-size', '0', '-type', 'f']).stdout.toString().trim().split('\n')).toHaveLength(2000);
  });

  it('has no lookup and no open left after the unmount', async () => {
    for (let i = 0; i < 300; i++) fs.writeFileSync(join(source, `file${i}`), 'x');
    const mount = await serve();
    for (const name of fs.readdirSync(at)) fs.readFileSync(join(at, name));
    forgetNames(at);
    const { lookups, opens, closed } = await mount.unmount();
    expect([opens, closed]).toEqual([0, true]);
    expect(lookups).toBeGreaterThanOrEqual(0);
    expect(lookups).toBeLessThan(300);
  });

  it('replies EIO and logs one line if an operation has a bug, and serves the next request', async () => {
    fs.writeFileSync(join(source, 'bug-1'), '');
    const mount = await serve();
    expect(() => fs.unlinkSync(join(at, 'bug-1'))).toThrow(/EIO/);
    expect(fs.readdirSync(at)).toEqual(['bug-1']);
    await until(() => mount.log !== '');
    expect(mount.log).toMatch(/^EIO to UNLINK \(opcode 10, node 1, request \d+\): TypeError: .*\n$/);
  });

  it('refuses all changes on a mount that is not writable', async () => {
    fs.writeFileSync(join(source, 'file'), 'data');
    await serve({ writable: false });
    expect(() => fs.unlinkSync(join(at, 'file'))).toThrow(/EROFS/);
    expect(() => fs.mkdirSync(join(at, 'dir'))).toThrow(/EROFS/);
    expect(fs.readFileSync(join(at, 'file'), 'utf8')).toBe('data');
  });

  describe('a parked request', () => {
    let reader: ReturnType<typeof spawn>;
    let read: string;

    beforeEach(async () => {
      fs.writeFileSync(join(source, 'parked-file'), 'late');
      fs.writeFileSync(join(source, 'other'), 'other');
    });

    afterEach(() => {
      reader.kill('SIGKILL');
    });

    function cat(): Promise<NodeJS.Signals | number | null> {
      reader = spawn('cat', [join(at, 'parked-file')]);
      read = '';
      reader.stdout?.on('data', (data: Buffer) => {
        read += data.toString();
      });
      return new Promise((resolve) => reader.on('close', (status, signal) => resolve(signal ?? status)));
    }

    /** Whether the reader waits for a reply, in fs/fuse/dev.c:request_wait_answer. */
    const waitsForReply = (): boolean =>
      fs.readFileSync(`/proc/${reader.pid}/stack`, 'utf8').includes('request_wait_answer');

    it('waits while others are served, and is resumed when its work is done', async () => {
      const mount = await serve();
      const ended = cat();
      await until(waitsForReply);
      expect(fs.readFileSync(join(at, 'other'), 'utf8')).toBe('other');
      expect(waitsForReply()).toBe(true);
      mount.completeParked();
      expect(await ended).toBe(0);
      expect(read).toBe('late');
      await mount.unmount();
    });

    it('lets its caller be killed', async () => {
      const mount = await serve();
      const ended = cat();
      await until(waitsForReply);
      reader.kill('SIGTERM');
      expect(await ended).toBe('SIGTERM');
      expect((await mount.unmount()).opens).toBe(0);
    });

    it('continues after a signal that does not end its caller', async () => {
      const mount = await serve({ debug: true });
      const script = `trap : USR1; exec 3< ${at}/parked-file && cat <&3`;
      reader = spawn('sh', ['-c', script]);
      read = '';
      reader.stdout?.on('data', (data: Buffer) => {
        read += data.toString();
      });
      const ended = new Promise((resolve) => reader.on('close', resolve));
      await until(waitsForReply);
      reader.kill('SIGUSR1');
      await until(() => mount.log.includes('INTERRUPT'));
      mount.completeParked();
      expect(await ended).toBe(0);
      expect(read).toBe('late');
    });

    it('fails when the server ends', async () => {
      const mount = await serve();
      const ended = cat();
      await until(waitsForReply);
      mount.stop();
      expect(await ended).toBe(1);
      expect((await mount.account()).closed).toBe(true);
    });
  });

  describe('the server', () => {
    it('ends at once when the mount is unmounted', async () => {
      const mount = await serve();
      const started = performance.now();
      await mount.unmount();
      expect(performance.now() - started).toBeLessThan(1000);
    });

    it('ends after a lazy unmount when the last file is closed', async () => {
      fs.writeFileSync(join(source, 'file'), 'data');
      const mount = await serve();
      const fd = fs.openSync(join(at, 'file'), 'r');
      spawnSync('umount', ['-l', at]);
      expect(fs.readFileSync(fd, 'utf8')).toBe('data');
      expect(mount.server.exitCode).toBe(null);
      fs.closeSync(fd);
      expect((await mount.account()).closed).toBe(true);
    });

    it('ends when the control fd becomes readable, and the mount then returns ENOTCONN', async () => {
      const mount = await serve();
      mount.stop();
      await mount.account();
      expect(() => fs.statSync(join(at, 'x'))).toThrow(/ENOTCONN/);
    });
  });

  it('uses no CPU time while no request arrives', async () => {
    const mount = await serve();
    fs.readdirSync(at);
    const ticks = (): number => {
      const fields = fs.readFileSync(`/proc/${mount.server.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
      return Number(fields[11]) + Number(fields[12]);
    };
    // The only wait for a time: the test measures a time without requests.
    const before = ticks();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(ticks() - before).toBeLessThanOrEqual(1);
  });

  it('passes reads, writes and mappings through to the backing file', async () => {
    fs.writeFileSync(join(source, 'file'), 'x'.repeat(1 << 20));
    const mount = await serve({ usePassthrough: true });
    const fd = fs.openSync(join(at, 'file'), 'r+');
    fs.writeSync(fd, 'direct', 0);
    fs.closeSync(fd);
    expect(fs.readFileSync(join(source, 'file'), 'latin1').slice(0, 7)).toBe('directx');
    expect(fs.readFileSync(join(at, 'file'), 'latin1').slice(0, 7)).toBe('directx');
    const { requests, passthrough, opens } = await mount.unmount();
    expect([passthrough, opens]).toEqual([true, 0]);
    expect([requests.READ, requests.WRITE, requests.OPEN]).toEqual([undefined, undefined, 2]);
  });

  it('mounts with fusermount3 too, and reports its error message', async () => {
    fs.writeFileSync(join(source, 'file'), 'data');
    const mount = await serve({ helper: true });
    expect(fs.readFileSync(join(at, 'file'), 'utf8')).toBe('data');
    const line = fs.readFileSync('/proc/self/mountinfo', 'utf8').match(new RegExp(`.* ${at} .*`))?.[0];
    expect(line).toMatch(/ rw,nosuid,nodev,.* - fuse\.mirror mirror .*default_permissions/);
    const second = MirrorMount.start(source, join(scratch, 'missing'), { helper: true });
    await expect(second).rejects.toThrow(/HelperError: fusermount3: .*missing/);
    await mount.unmount();
  });

  it('has a readahead of one MiB', async () => {
    fs.writeFileSync(join(source, 'file'), Buffer.alloc(16 << 20));
    const mount = await serve();
    fs.readFileSync(join(at, 'file'));
    const { requests } = await mount.unmount();
    expect(requests.READ).toBeLessThan(40);
  });
});
