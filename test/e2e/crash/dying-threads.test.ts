/**
 * A bug in plyfs itself: the caller gets EIO, the log gets a line, and the mount continues or ends visibly.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isMounted, mountsUnavailable, overlayOptions, USES_SERVICE, waitFor } from '../../harness/mounts.js';
import { mountWithOwnServer, type OwnMount } from '../../harness/own-server.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { fillLarge } from '../harness/large-file.js';
import { PatchedPlyfs } from './patched-plyfs.js';

const unavailable = mountsUnavailable();
const COPY_THREAD = 'copyup/pool/copy-thread.js';
/** A heap that code can exhaust soon. */
const LITTLE_MEMORY = '--max-old-space-size=64';

function openAndList(path: string): number {
  const fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY);
  sys.getdentsToEnd(fd);
  return fd;
}

const EXHAUST = 'const hoard = []; for (;;) hoard.push(new Array(1e5).fill(hoard.length + 0.5));';

describe.skipIf(unavailable !== null)(`plyfs with a bug${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let layers: LayerDirs;
  let patched: PatchedPlyfs;
  let mounted: OwnMount | undefined;
  const children: ChildProcess[] = [];

  beforeEach(() => {
    base = makeScratch('dying');
    layers = makeLayerDirs(base);
    fillLarge(join(base, 'lower1', 'big'), 2 << 20);
    sys.writeFile(join(base, 'lower1', 'file'), 'content');
    sys.mkdir(join(base, 'plyfs'));
    patched = new PatchedPlyfs(join(base, 'plyfs'));
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    mounted?.unmount();
    await mounted?.server.closed();
    mounted = undefined;
    removeScratch(base);
  });

  async function mount(nodeOptions = ''): Promise<void> {
    const args = ['-o', overlayOptions(layers)];
    mounted = await mountWithOwnServer(layers, args, { path: patched.program, nodeOptions });
  }
  const at = (name: string): string => join(layers.mountpoint, name);
  const logged = (): string[] => (mounted?.log() ?? '').split('\n').filter((line) => line !== '');

  /** Opens `big` for writing in another process, and returns the errno or `ok`. */
  async function openBig(): Promise<string> {
    const script =
      "require('fs').open(process.argv[1], 'r+', (error) => process.stdout.write(error ? error.code : 'ok'))";
    const child = spawn(process.execPath, ['-e', script, at('big')], { stdio: ['ignore', 'pipe', 'ignore'] });
    children.push(child);
    let told = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
    await once(child, 'close');
    return told;
  }

  it('answers EIO and logs one line when an operation throws no errno, and serves the next request', async () => {
    patched.intoFunction('union/ops/remove.js', 'unlink', 'undefined.oops();');
    patched.intoFunction('union/ops/create.js', 'mkdir', 'new Uint8Array(2 ** 53);');
    await mount();
    expect(sys.outcome(() => sys.unlink(at('file')))).toBe('EIO');
    expect(sys.outcome(() => sys.mkdir(at('dir')))).toBe('EIO');
    expect(sys.readFile(at('file'))).toBe('content');
    await waitFor(() => logged().length >= 2, 'the log');
    expect(logged()).toEqual([
      expect.stringMatching(/EIO to UNLINK .*TypeError/),
      expect.stringMatching(/EIO to MKDIR .*RangeError/),
    ]);
  });

  it('answers EIO to the caller that waits for a large copy when publishing it throws', async () => {
    patched.intoFunction('copyup/fill-metadata.js', 'fillMetadata', 'undefined.oops();');
    await mount();
    expect(await openBig()).toBe('EIO');
    expect(sys.readFile(at('file'))).toBe('content');
    expect(logged()).toEqual([expect.stringMatching(/copy-up of big failed, .*EIO: .*TypeError/)]);
    expect(readdirSync(join(layers.work, 'work'))).toEqual([]);
  });

  const SENDS_THREAD_ID = `
    import { workerData } from 'node:worker_threads';
    import { readlinkSync } from 'node:fs';
    const { port } = workerData;
    port.postMessage({ threadId: Number(readlinkSync('/proc/thread-self').split('/').at(-1)) });
  `;
  it.each([
    {
      name: 'throws',
      code: `${SENDS_THREAD_ID} port.on('message', () => { throw new Error('a bug'); });`,
      options: '',
    },
    { name: 'exits', code: `${SENDS_THREAD_ID} port.on('message', () => process.exit(3));`, options: '' },
    {
      name: 'runs out of memory',
      code: `${SENDS_THREAD_ID} port.on('message', () => { ${EXHAUST} });`,
      options: LITTLE_MEMORY,
    },
    { name: 'dies while it starts', code: 'this is no program', options: '' },
    { name: 'cannot be loaded', code: null, options: '' },
  ])(
    'answers EIO and logs one line when a copying thread $name, and starts another for the next copy',
    async ({ code, options }) => {
      patched.replace(COPY_THREAD, code);
      await mount(options);
      expect(await openBig()).toBe('EIO');
      expect(sys.readFile(at('file'))).toBe('content');
      expect(logged()).toEqual([expect.stringContaining('a thread that copies large files has died')]);
      expect(readdirSync(join(layers.work, 'work'))).toEqual([]);
      patched.restore(COPY_THREAD);
      expect(await openBig()).toBe('ok');
      expect(logged()).toHaveLength(1);
    },
  );

  it('logs nothing when the mount ends while the prefetch thread still loads its native code', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `d${i}`);
    for (const name of names) sys.mkdir(join(base, 'lower1', name));
    // Each binding of a system call takes 15 ms, so that the thread starts its walk later than the end of the
    // mount waits for it.
    const slowly = 'for (const end = performance.now() + 15; performance.now() < end; ) lib.func(prototype);';
    patched.intoFunction('sys/libc.js', 'bind', slowly);
    await mount();
    const { server, unmount } = mounted as OwnMount;
    for (const path of [layers.mountpoint, ...names.map(at)]) sys.close(openAndList(path));
    unmount();
    expect([await server.closed(), logged()]).toEqual([0, []]);
  });

  it('fails its callers and ends the mount with a logged line when the serving thread runs out of memory', async () => {
    // A service, which exercises its code first, makes no symlinks.
    patched.intoFunction('union/ops/create.js', 'symlink', EXHAUST);
    await mount(LITTLE_MEMORY);
    const { server } = mounted as OwnMount;
    expect(sys.outcome(() => sys.symlink('target', at('symlink')))).toMatch(/^(ECONNABORTED|ENOTCONN)$/);
    await waitFor(() => !isMounted(layers.mountpoint), 'the end of the mount');
    // A service does not end with its mount, but by SIGTERM.
    expect(await server.closed()).toBe(USES_SERVICE ? 0 : 1);
    expect(logged().some((line) => /memory/i.test(line))).toBe(true);
  });
});
