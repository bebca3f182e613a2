/**
 * `--transport fuse-native` on the command line and in the library: mounts, errors, and the end of each
 * process.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type * as Plyfs from '../../../src/index.js';
import { fuseNativeUnavailable, waitFor } from '../../harness/mounts.js';
import { type Outcome, run, Sandbox } from '../harness/sandbox.js';

const unavailable = fuseNativeUnavailable();
const project = fileURLToPath(new URL('../../../', import.meta.url));
const library = new URL('../../../dist/index.js', import.meta.url).href;

describe.skipIf(unavailable !== null)(`--transport fuse-native ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  let options: string;
  beforeEach(() => {
    box = new Sandbox();
    options = `lowerdir=${box.at('top')}:${box.at('base')},upperdir=${box.at('up')},workdir=${box.at('work')}`;
  });
  afterEach(() => box.dispose());

  function mount(...more: string[]): Outcome {
    return box.plyfs('mount', '--transport', 'fuse-native', '-o', [options, ...more].join(','), 'mnt');
  }

  /** The process that serves the sandbox's mount. */
  function server(): number | undefined {
    const title = `plyfs: serves ${box.mountpoint}`;
    for (const name of fs.readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        if (fs.readFileSync(`/proc/${name}/cmdline`, 'utf8').replace(/\0.*/s, '') === title) return Number(name);
      } catch {
        // ENOENT, ESRCH: the process has ended meanwhile
      }
    }
    return undefined;
  }

  it('mounts, copies up, hides, and leaves no process and no mount', async () => {
    expect(mount()).toEqual({ status: 0, stdout: '', stderr: '' });
    fs.writeFileSync(box.at('mnt/from-base'), 'changed');
    fs.rmSync(box.at('mnt/from-top'));
    expect(fs.readdirSync(box.mountpoint)).toEqual(['from-base']);
    expect(box.read('up/from-base')).toBe('changed');
    expect(fs.statSync(box.at('up/from-top')).isCharacterDevice()).toBe(true);
    expect(box.plyfs('umount', 'mnt').status).toBe(0);
    await waitFor(() => server() === undefined && box.daemon() === undefined, 'both processes to end');
    expect(box.isMounted()).toBe(false);
  });

  it('mounts the aufs dialect', () => {
    const branches = `br:${box.at('up')}=rw:${box.at('top')}=ro+wh`;
    expect(box.plyfs('mount', '-t', 'aufs', '-o', `${branches},transport=fuse-native`, 'none', 'mnt').status).toBe(0);
    fs.rmSync(box.at('mnt/from-top'));
    expect(fs.existsSync(box.at('up/.wh.from-top'))).toBe(true);
  });

  it('copies a large file up while others are served', async () => {
    const size = 64 << 20;
    fs.writeFileSync(box.at('base/large'), Buffer.alloc(size, 'x'));
    mount();
    const writer = spawn('sh', ['-c', `echo end >> ${box.at('mnt/large')}`], { stdio: 'ignore' });
    const ended = once(writer, 'exit');
    expect(fs.readFileSync(box.at('mnt/from-top'), 'utf8')).toBe('top\n');
    expect(await ended).toEqual([0, null]);
    expect(fs.statSync(box.at('up/large')).size).toBe(size + 4);
  });

  it('unmounts when the serving process is killed, and logs the signal', async () => {
    mount(`log=${box.at('log')}`);
    const fd = fs.openSync(box.at('mnt/from-top'), 'r');
    process.kill(server() ?? 0, 'SIGKILL');
    await waitFor(() => !box.isMounted() && box.daemon() === undefined, 'the mount to end');
    expect(() => fs.fstatSync(fd)).toThrow(/ENOTCONN/);
    expect(() => fs.closeSync(fd)).toThrow(/ENOTCONN/);
    expect(box.read('log')).toMatch(/^\S+ plyfs\[\d+\]: serving process: ended by SIGKILL\n$/);
  });

  it('unmounts when the process that mounted is killed', async () => {
    mount();
    process.kill(box.daemon() ?? 0, 'SIGKILL');
    await waitFor(() => !box.isMounted() && server() === undefined, 'the mount to end');
  });

  it('refuses a directory that is a mountpoint already, in one line', () => {
    spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', box.mountpoint]);
    const { status, stderr } = mount();
    expect([status, stderr.split('\n').length]).toEqual([1, 2]);
    expect(stderr).toMatch(/^plyfs: \S+: fuse-native cannot mount on a directory that is a mountpoint already;/);
  });

  it('serves blocking calls of the process that uses the library', async () => {
    const { mount: mountHere, MountError } = (await import(library)) as typeof Plyfs;
    const lowers = [box.at('top'), box.at('base')];
    const tree = await mountHere({ lowers, mountpoint: box.mountpoint, transport: 'fuse-native' });
    expect(fs.readdirSync(box.mountpoint).sort()).toEqual(['from-base', 'from-top']);
    expect(fs.readFileSync(box.at('mnt/from-top'), 'utf8')).toBe('top\n');
    expect(() => fs.writeFileSync(box.at('mnt/new'), '')).toThrow(/EROFS/);
    await tree.unmount();
    await tree.closed;
    const wrong = { lowers, mountpoint: box.mountpoint, transport: 'fuse' as 'direct' };
    await expect(mountHere(wrong)).rejects.toThrow(MountError);
  });

  describe('without a package or library', () => {
    /**
     * Runs a copy of the program with its own modules: all required ones, and `fuseNative` as the text of the
     * optional one.
     */
    function mountWith(fuseNative: string | null): Outcome {
      const copy = box.at('copy');
      const modules = join(copy, 'node_modules');
      for (const part of ['bin', 'dist', 'package.json']) {
        fs.cpSync(join(project, part), join(copy, part), { recursive: true });
      }
      fs.mkdirSync(modules);
      for (const name of ['commander', 'koffi', 'lru-cache']) {
        fs.symlinkSync(fs.realpathSync(join(project, 'node_modules', name)), join(modules, name));
      }
      if (fuseNative !== null) {
        fs.mkdirSync(join(modules, 'fuse-native'));
        fs.writeFileSync(join(modules, 'fuse-native/index.js'), fuseNative);
      }
      const args = ['mount', '--transport', 'fuse-native', '-o', options, box.mountpoint];
      return run(join(copy, 'bin/plyfs'), args);
    }

    it('the error names the package to install', () => {
      const { status, stderr } = mountWith(null);
      expect(status).toBe(1);
      expect(stderr).toMatch(
        /^plyfs: \S+: fuse-native: the package is not installed; npm install fuse-native@2\.2\.6\n$/,
      );
      expect(box.isMounted()).toBe(false);
    });

    it('the error names the library to install', () => {
      const { status, stderr } = mountWith("throw new Error('libfuse.so.2: cannot open shared object file');");
      expect(status).toBe(1);
      expect(stderr).toMatch(/^plyfs: \S+: fuse-native: libfuse 2 is not installed; apt-get install libfuse2\n$/);
    });
  });
});
