/**
 * The fuse-native transport on a real mount of the mirror file system; also faults of operations and of the
 * server.
 */
import { spawn, spawnSync } from 'node:child_process';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fuseNativeUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { MirrorMount, type ServeOptions, until } from './harness.js';

const unavailable = fuseNativeUnavailable();

describe.skipIf(unavailable !== null)(`the fuse-native transport, mounted ${unavailable ?? ''}`, () => {
  let scratch: string;
  let source: string;
  let at: string;
  let mounts: MirrorMount[];

  beforeEach(() => {
    scratch = makeScratch('libfuse2');
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
    const mount = await MirrorMount.start(source, at, { ...options, libfuse2: true });
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
    expect(fs.statSync(join(at, 'hardlink')).nlink).toBe(2);
    const big = Buffer.alloc(5 << 20, 'x');
    fs.writeFileSync(join(at, 'big'), big);
    expect(fs.readFileSync(join(source, 'big')).equals(big)).toBe(true);
    expect(fs.readFileSync(join(at, 'big')).equals(big)).toBe(true);
    fs.unlinkSync(join(at, 'hardlink'));
    fs.rmSync(join(at, 'renamed'), { recursive: true });
    expect(fs.statfsSync(at)).toMatchObject({ blocks: 1000, bfree: 500, bavail: 400, files: 300, bsize: 4096 });
    expect(mount.log).toBe('');
  });

  it('sets access and modification time, to the millisecond', async () => {
    fs.writeFileSync(join(source, 'file'), '');
    await serve();
    fs.utimesSync(join(at, 'file'), 1_600_000_000.125, 1_700_000_000.25);
    for (const where of [source, at]) {
      const { atimeMs, mtimeMs } = fs.statSync(join(where, 'file'));
      expect([atimeMs, mtimeMs]).toEqual([1_600_000_000_125, 1_700_000_000_250]);
    }
  });

  it('serves xattrs, and first their sizes, and ERANGE if the buffer is too small', async () => {
    fs.writeFileSync(join(source, 'file'), '');
    await serve();
    const file = join(at, 'file');
    const value = 'v'.repeat(3000);
    expect(spawnSync('setfattr', ['-n', 'user.a', '-v', value, file]).stderr.toString()).toBe('');
    expect(spawnSync('getfattr', ['-n', 'user.a', '--only-values', file]).stdout.toString()).toBe(value);
    expect(spawnSync('getfattr', [file]).stdout.toString()).toContain('user.a');
    const short = 'import os,ctypes;b=ctypes.create_string_buffer(10);l=ctypes.CDLL(None,use_errno=True);';
    const script = `${short}print(l.getxattr(b"${file}",b"user.a",b,10),ctypes.get_errno())`;
    expect(spawnSync('python3', ['-c', script]).stdout.toString()).toBe('-1 34\n');
    expect(spawnSync('setfattr', ['-x', 'user.a', file]).status).toBe(0);
    expect(spawnSync('getfattr', ['-n', 'user.a', file]).stderr.toString()).toContain('No such attribute');
  });

  it('makes objects of the user who serves, without set-id bits', async () => {
    fs.chmodSync(source, 0o777);
    await serve();
    const script = `umask 077; mkdir ${at}/d; : > ${at}/f; python3 -c 'import os; os.open("${at}/s", os.O_CREAT, 0o4755)'`;
    spawnSync('setpriv', ['--reuid', '65534', '--regid', '65533', '--clear-groups', 'sh', '-c', script]);
    for (const [name, mode] of Object.entries({ d: 0o40700, f: 0o100600, s: 0o100700 })) {
      const stat = fs.lstatSync(join(source, name));
      expect([name, stat.mode, stat.uid, stat.gid]).toEqual([name, mode, 0, 0]);
    }
  });

  it('removes an open file at once, and serves it until its last close', async () => {
    const mount = await serve();
    fs.mkdirSync(join(at, 'dir'));
    const fd = fs.openSync(join(at, 'dir/file'), 'w+');
    fs.writeSync(fd, 'data');
    fs.renameSync(join(at, 'dir'), join(at, 'moved'));
    fs.unlinkSync(join(at, 'moved/file'));
    expect(fs.readdirSync(join(at, 'moved'))).toEqual([]);
    expect(fs.readdirSync(join(source, 'moved'))).toEqual([]);
    const read = Buffer.alloc(4);
    expect(fs.readSync(fd, read, 0, 4, 0)).toBe(4);
    expect(read.toString()).toBe('data');
    expect(() => fs.rmdirSync(join(at, 'moved'))).toThrow(/ENOTEMPTY/);
    fs.closeSync(fd);
    await until(() => {
      try {
        fs.rmdirSync(join(at, 'moved'));
        return true;
      } catch {
        return false; // the kernel sends RELEASE after close(2) has returned
      }
    });
    expect((await mount.unmount()).opens).toBe(0);
  });

  it('lists names that are not UTF-8, and fails if a caller uses one', async () => {
    fs.writeFileSync(Buffer.from(`${source}/bad\xff`, 'latin1'), '');
    await serve();
    expect(fs.readdirSync(at)).toEqual(['bad\uFFFD']);
    const ls = spawnSync('ls', ['-l', at], { env: { ...process.env, LC_ALL: 'C' } });
    expect(ls.stderr.toString()).toContain('Invalid or incomplete multibyte or wide character');
    expect(() => fs.writeFileSync(Buffer.from(`${at}/new\xff`, 'latin1'), '')).toThrow(/errno: -84|EILSEQ|unknown/i);
  });

  it('has no lookup and no open left after the unmount', async () => {
    for (let i = 0; i < 300; i++) fs.writeFileSync(join(source, `file${i}`), 'x');
    const mount = await serve();
    for (const name of fs.readdirSync(at)) fs.readFileSync(join(at, name));
    fs.renameSync(join(at, 'file1'), join(at, 'file2'));
    fs.unlinkSync(join(at, 'file3'));
    expect(await mount.unmount()).toMatchObject({ lookups: 0, opens: 0, closed: true });
  });

  it('refuses all changes on a mount that is not writable', async () => {
    fs.writeFileSync(join(source, 'file'), 'data');
    await serve({ writable: false });
    expect(() => fs.unlinkSync(join(at, 'file'))).toThrow(/EROFS/);
    expect(() => fs.mkdirSync(join(at, 'dir'))).toThrow(/EROFS/);
    expect(fs.readFileSync(join(at, 'file'), 'utf8')).toBe('data');
  });

  describe('faults', () => {
    it('replies EIO and logs one line if an operation has a bug, and serves the next request', async () => {
      fs.writeFileSync(join(source, 'bug-1'), '');
      const mount = await serve();
      expect(() => fs.unlinkSync(join(at, 'bug-1'))).toThrow(/EIO/);
      expect(fs.readdirSync(at)).toEqual(['bug-1']);
      await until(() => mount.log !== '');
      expect(mount.log).toMatch(/^EIO to UNLINK "\/bug-1": TypeError: .*\n$/);
    });

    it('resumes a parked request when its work is done, and serves others meanwhile', async () => {
      fs.writeFileSync(join(source, 'parked-file'), 'late');
      fs.writeFileSync(join(source, 'other'), 'other');
      const mount = await serve({ debug: true });
      const reader = spawn('cat', [join(at, 'parked-file')]);
      let read = '';
      reader.stdout.on('data', (data: Buffer) => {
        read += data.toString();
      });
      const ended = new Promise((resolve) => reader.on('close', resolve));
      await until(() => mount.log.includes('OPEN "/parked-file" → waits'));
      expect(fs.readFileSync(join(at, 'other'), 'utf8')).toBe('other');
      expect(read).toBe('');
      mount.completeParked();
      expect(await ended).toBe(0);
      expect(read).toBe('late');
    });

    it('replies ETIMEDOUT to a parked request whose work makes no progress, and serves others', async () => {
      fs.writeFileSync(join(source, 'parked-file'), 'never');
      fs.writeFileSync(join(source, 'other'), 'other');
      const mount = await serve({ requestTimeout: 0.2 });
      expect(() => fs.readFileSync(join(at, 'parked-file'))).toThrow(/ETIMEDOUT/);
      expect(fs.readFileSync(join(at, 'other'), 'utf8')).toBe('other');
      await until(() => mount.log !== '');
      expect(mount.log).toBe('ETIMEDOUT to OPEN "/parked-file": no progress for 0.2 s\n');
    });

    it('ends the mount if an operation hangs, so that its caller gets an error', async () => {
      fs.writeFileSync(join(source, 'hang-1'), '');
      const mount = await serve({ requestTimeout: 0.2 });
      expect(() => fs.unlinkSync(join(at, 'hang-1'))).toThrow(/ENOTCONN|ECONNABORTED/);
      expect(() => fs.statSync(at)).toThrow(/ENOTCONN/);
      await until(() => mount.server.signalCode !== null);
      await until(() => mount.log !== '');
      expect(mount.log).toBe('a request has not returned for 0.2 s: the mount ends\n');
    });

    it('lets no caller wait when it is killed', async () => {
      fs.writeFileSync(join(source, 'parked-file'), 'late');
      const mount = await serve({ debug: true });
      const reader = spawn('cat', [join(at, 'parked-file')], { stdio: 'ignore' });
      const ended = new Promise((resolve) => reader.on('close', resolve));
      await until(() => mount.log.includes('waits'));
      mount.server.kill('SIGKILL');
      expect(await ended).toBe(1);
    });
  });

  describe('the server', () => {
    it('ends when the mount is unmounted, and after a lazy unmount when the last file is closed', async () => {
      await (await serve()).unmount();
      fs.writeFileSync(join(source, 'file'), 'data');
      const mount = await serve();
      const fd = fs.openSync(join(at, 'file'), 'r');
      spawnSync('umount', ['-l', at]);
      expect(fs.readFileSync(fd, 'utf8')).toBe('data');
      expect(mount.server.exitCode).toBe(null);
      fs.closeSync(fd);
      expect((await mount.account()).closed).toBe(true);
    });
  });
});
