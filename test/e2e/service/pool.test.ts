/** The threads of the service that serve mounts, without the front of the service. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PoolStatus } from '../../../src/service/order/mount-order.js';
import { dropCaches } from '../../harness/machine/kernel-caches.js';
import {
  isMounted,
  mountForeground,
  mountsUnavailable,
  overlayOptions,
  unmount,
  waitFor,
} from '../../harness/mounts.js';
import {
  makeLayerDirs,
  makeMemoryScratch,
  makeScratch,
  removeScratch,
  type WritableLayerDirs,
} from '../../harness/scratch.js';
import { mountType } from '../../harness/sys/index.js';
import { NAME, rootlessUnavailable } from '../rootless/ordinary-user.js';
import { PoolProcess } from './serving-pool.js';

const unavailable = mountsUnavailable();
const rootless = rootlessUnavailable();
const strace = spawnSync('strace', ['-V']).status;

/** While `body` runs, the next read of /dev/fuse by each thread of a process fails with EIO. */
async function withFailingRead(pid: number, body: () => void): Promise<void> {
  const inject = ['-e', 'trace=read', '-P', '/dev/fuse', '-e', 'inject=read:error=EIO:when=1'];
  const tracer = spawn('strace', ['-f', '-p', `${pid}`, ...inject], { stdio: ['ignore', 'ignore', 'pipe'] });
  try {
    await once(tracer.stderr as NodeJS.ReadableStream, 'data');
    body();
  } finally {
    tracer.kill('SIGINT');
    await once(tracer, 'exit');
  }
}

describe.skipIf(unavailable !== null)(
  `the pool of the service${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    let base: string;
    let pool: PoolProcess;
    let count: number;
    const children: ChildProcess[] = [];

    beforeEach(() => {
      base = makeMemoryScratch('pool');
      count = 0;
      pool = new PoolProcess();
    });

    afterEach(async () => {
      await pool.stop().catch(() => pool.kill());
      for (const child of children.splice(0)) child.kill('SIGKILL');
      for (const name of readdirSync(base)) {
        if (existsSync(join(base, name, 'merged'))) unmount(join(base, name, 'merged'));
      }
      removeScratch(base);
    });

    /** Locks the work directory of a union, as a server does that has not ended yet. */
    async function holdWork({ work }: WritableLayerDirs): Promise<ChildProcess> {
      mkdirSync(join(work, 'work'));
      const holder = spawn('flock', ['--no-fork', join(work, 'work'), 'sh', '-c', 'echo held; exec sleep 1000'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(holder);
      await once(holder.stdout as NodeJS.ReadableStream, 'data');
      return holder;
    }

    /** New layers, with a file whose content is its name in each lower. */
    function layers(): WritableLayerDirs {
      const dir = join(base, `union${count++}`);
      mkdirSync(dir);
      const made = makeLayerDirs(dir);
      for (const [i, lower] of made.lowers.entries()) writeFileSync(join(lower, `file${i}`), `file${i}`);
      return made;
    }

    it('serves several mounts on one thread', async () => {
      const [one, two] = [layers(), layers()];
      const first = await pool.mount(one);
      const second = await pool.mount(two, ['ro']);
      writeFileSync(join(one.mountpoint, 'new'), 'written');
      expect(readFileSync(join(one.upper, 'new'), 'utf8')).toBe('written');
      expect(readdirSync(two.mountpoint).sort()).toEqual(['file0', 'file1', 'file2']);
      expect(() => writeFileSync(join(two.mountpoint, 'new'), '')).toThrow('EROFS');
      const { mounts } = await pool.status();
      expect(mounts.map(({ id, mountpoint }) => [id, mountpoint])).toEqual([
        [first, one.mountpoint],
        [second, two.mountpoint],
      ]);
      expect(mounts[1]?.options).toBe(`lowerdir=${two.lowers.join(':')},upperdir=${two.upper},workdir=${two.work}`);
      for (const { requests, nodes, memory } of mounts) {
        expect(requests).toBeGreaterThan(0);
        expect(nodes).toBeGreaterThan(0);
        expect(memory).toBeGreaterThan(0);
      }
    });

    it('answers several requests for the status at the same time', async () => {
      await pool.mount(layers());
      const from = pool.events.length;
      const answers = (): PoolStatus[] =>
        pool.events.slice(from).flatMap(({ answer, value }) => (answer === 'status' ? [value as PoolStatus] : []));
      await Promise.all([pool.status(), pool.status(), pool.status()]);
      await waitFor(() => answers().length === 3, 'three answers');
      for (const { threads, mounts } of answers()) {
        expect(threads.map(({ state }) => state)).not.toContain('silent');
        expect(mounts[0]?.nodes).toBeGreaterThan(0);
      }
    });

    it('reports ignored options to the caller, and refuses in the words of a mount with its own server', async () => {
      const made = layers();
      const id = await pool.mount(made, ['nonsense']);
      expect(pool.lines(id)).toEqual(['unknown option ignored: nonsense']);
      await expect(pool.mount({ ...made, lowers: [join(base, 'missing')] })).rejects.toThrow(
        `lowerdir: ${join(base, 'missing')}: no such file or directory (ENOENT)`,
      );
    });

    it('resolves relative paths in the working directory of the caller, and writes its log there', async () => {
      const made = layers();
      const cwd = join(made.mountpoint, '..');
      const id = pool.beginWith(['lowerdir=lower1,upperdir=upper,workdir=work,log=the.log'], 'merged', { cwd });
      await pool.next(id, ['ready']);
      expect(readFileSync(join(made.mountpoint, 'file0'), 'utf8')).toBe('file0');
      expect(statSync(join(cwd, 'the.log')).mode & 0o777).toBe(0o600);
    });

    it('refuses relative paths if the working directory of the caller has been removed', async () => {
      const cwd = join(base, 'gone');
      mkdirSync(cwd);
      const child = spawn('sleep', ['1000'], { cwd, stdio: 'ignore' });
      children.push(child);
      await once(child, 'spawn');
      rmdirSync(cwd);
      const id = pool.beginWith(['lowerdir=lower1'], '/mnt', { cwd: `/proc/${child.pid}/cwd` });
      const { value } = await pool.next(id, ['refused', 'ready']);
      expect((value as { message: string }).message).toContain('lowerdir: lower1: the working directory');
    });

    it('mounts in the mount namespace of the caller only, and unmounts there', async () => {
      const made = layers();
      const child = spawn('unshare', ['-m', 'sh', '-c', 'echo; exec sleep 1000'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(child);
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      const shows = (): boolean =>
        readFileSync(`/proc/${child.pid}/mountinfo`, 'utf8').includes(` ${made.mountpoint} `);
      const id = await pool.mount(made, [], { pid: child.pid ?? 0 });
      expect(shows()).toBe(true);
      expect(isMounted(made.mountpoint)).toBe(false);
      const there = spawnSync('nsenter', ['-m', '-t', `${child.pid}`, 'cat', join(made.mountpoint, 'file1')]);
      expect(there.stdout.toString()).toBe('file1');
      expect(await pool.unmount(id)).toBeNull();
      expect(shows()).toBe(false);
    });

    it('ends a mount whose mount namespace has ended', async () => {
      const made = layers();
      const child = spawn('unshare', ['-m', 'sh', '-c', 'echo; exec sleep 1000'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      children.push(child);
      await once(child.stdout as NodeJS.ReadableStream, 'data');
      const id = await pool.mount(made, [], { pid: child.pid ?? 0 });
      child.kill('SIGKILL');
      await pool.next(id, ['ended']);
    });

    it('refuses to unmount a mount that is in use, unless lazily', async () => {
      const made = layers();
      const id = await pool.mount(made);
      const user = spawn('sleep', ['1000'], { cwd: made.mountpoint, stdio: 'ignore' });
      children.push(user);
      await once(user, 'spawn');
      expect(await pool.unmount(id)).toContain('in use (EBUSY)');
      expect(await pool.unmount(id, { lazy: true })).toBeNull();
      expect(isMounted(made.mountpoint)).toBe(false);
    });

    it('undoes a mount that is not wanted any more before it is ready', async () => {
      const made = layers();
      const id = pool.begin(made);
      expect(await pool.unmount(id, { lazy: true })).toBeNull();
      expect(isMounted(made.mountpoint)).toBe(false);
      expect((await pool.status()).mounts).toEqual([]);
    });

    it.skipIf(strace !== 0)('ends only the mount whose session fails (needs strace)', async () => {
      const [one, two] = [layers(), layers()];
      const broken = await pool.mount(one);
      await pool.mount(two);
      expect(readFileSync(join(two.mountpoint, 'file2'), 'utf8')).toBe('file2');
      await withFailingRead(pool.process.pid ?? 0, () => existsSync(join(one.mountpoint, 'file1')));
      const { value } = await pool.next(broken, ['ended']);
      expect(value).toContain('EIO');
      await waitFor(() => !isMounted(one.mountpoint), 'the broken mount to be unmounted');
      writeFileSync(join(two.mountpoint, 'later'), 'works');
      expect(readFileSync(join(two.upper, 'later'), 'utf8')).toBe('works');
    });

    it('gives a mount with a layer on FUSE a thread of its own, which ends with it', async () => {
      const [one, two] = [layers(), layers()];
      const first = await pool.mount(one);
      const stacked = await pool.mount({ ...two, lowers: [one.mountpoint] });
      expect(readFileSync(join(two.mountpoint, 'file0'), 'utf8')).toBe('file0');
      const [below, above] = [await pool.statusOf(first), await pool.statusOf(stacked)];
      expect(above.thread).not.toBe(below.thread);
      expect(await pool.unmount(stacked)).toBeNull();
      await waitFor(() => pool.threads() > 0 && isMounted(one.mountpoint), 'the lower mount');
      const hasEnded = async (): Promise<boolean> =>
        !(await pool.status()).threads.some(({ thread }) => thread === above.thread);
      while (!(await hasEnded()));
    });

    it('does not wait for itself on the way to a layer', async () => {
      const [one, two] = [layers(), layers()];
      const inner = join(one.mountpoint, 'inner');
      const first = await pool.mount(one);
      mkdirSync(inner);
      mountType('tmpfs', 'tmpfs', inner, '');
      try {
        for (const name of ['lower', 'upper', 'work']) mkdirSync(join(inner, name));
        const layersInside = {
          ...two,
          lowers: [join(inner, 'lower')],
          upper: join(inner, 'upper'),
          work: join(inner, 'work'),
        };
        // The names on the way are not in the kernel's cache any more.
        dropCaches(2);
        const second = await pool.mount(layersInside);
        expect((await pool.statusOf(second)).thread).not.toBe((await pool.statusOf(first)).thread);
        expect(await pool.unmount(second)).toBeNull();
      } finally {
        spawnSync('umount', ['-l', inner]);
      }
    });

    it('serves other mounts while the layer of one hangs', async () => {
      const [hanging, other] = [layers(), layers()];
      const stopped = await mountForeground(hanging);
      try {
        stopped.server.kill('SIGSTOP');
        const stuck = pool.begin({ ...other, lowers: [hanging.mountpoint] });
        const made = layers();
        const id = await pool.mount(made);
        expect(readFileSync(join(made.mountpoint, 'file0'), 'utf8')).toBe('file0');
        expect(await pool.unmount(id)).toBeNull();
        stopped.server.kill('SIGCONT');
        await pool.next(stuck, ['ready']);
        expect(readFileSync(join(other.mountpoint, 'file2'), 'utf8')).toBe('file2');
        expect(await pool.unmount(stuck)).toBeNull();
      } finally {
        stopped.server.kill('SIGCONT');
        stopped.unmount();
      }
    });

    it('serves other mounts while a mount waits for the server of an earlier one', async () => {
      const others = [layers(), layers(), layers()];
      for (const other of others) await pool.mount(other);
      const made = layers();
      const holder = await holdWork(made);
      const waiting = pool.begin(made, ['index=on']);
      await vi.waitUntil(async () => (await pool.statusOf(waiting)).thread > 0, { timeout: 30_000, interval: 5 });
      for (const { mountpoint } of others) expect(readFileSync(join(mountpoint, 'file0'), 'utf8')).toBe('file0');
      const ends = pool.events.filter(({ id, event }) => id === waiting && (event === 'ready' || event === 'refused'));
      expect(ends).toEqual([]);
      holder.kill();
      expect((await pool.next(waiting, ['ready', 'refused'])).event).toBe('ready');
      expect(readFileSync(join(made.mountpoint, 'file0'), 'utf8')).toBe('file0');
    });

    it('refuses a mount if the server of an earlier one does not end, also one that the caller has made', async () => {
      const [one, made] = [layers(), layers()];
      await holdWork(one);
      await holdWork(made);
      const refused = pool.begin(one, ['index=on']);
      const given = pool.beginWith([overlayOptions(made, ['index=on'])], '/dev/fd/7', { given: made.mountpoint });
      try {
        for (const id of [refused, given]) {
          const { value } = await pool.next(id, ['ready', 'refused']);
          expect(value).toMatchObject({ errno: 16, message: expect.stringContaining('in use by another mount') });
        }
        // Otherwise users of the caller's mount would wait forever.
        expect([...pool.openFiles().values()]).not.toContain('/dev/fuse');
        expect((await pool.status()).mounts).toEqual([]);
      } finally {
        spawnSync('umount', ['-l', made.mountpoint]);
      }
    });

    it('gives up a mount that is unmounted while it waits for the server of an earlier one', async () => {
      const made = layers();
      await holdWork(made);
      const waiting = pool.begin(made, ['index=on']);
      await vi.waitUntil(async () => (await pool.statusOf(waiting)).thread > 0, { timeout: 30_000, interval: 5 });
      expect(await pool.unmount(waiting)).toBeNull();
      expect((await pool.next(waiting, ['refused', 'ready'])).event).toBe('refused');
      expect(isMounted(made.mountpoint)).toBe(false);
    });

    it('ends the mounts of a thread that has died, and serves new ones on another', async () => {
      const [one, two] = [layers(), layers()];
      const first = await pool.mount(one);
      const { thread } = await pool.statusOf(first);
      await pool.call({ call: 'killThread', thread });
      const { value } = await pool.next(first, ['ended']);
      expect(value).toContain('the serving thread has ended');
      expect(isMounted(one.mountpoint)).toBe(false);
      const second = await pool.mount(two);
      expect((await pool.statusOf(second)).thread).not.toBe(thread);
      expect(readFileSync(join(two.mountpoint, 'file0'), 'utf8')).toBe('file0');
    });

    it('serves a mount that the caller has made', async () => {
      const made = layers();
      const id = pool.beginWith([`lowerdir=${made.lowers.join(':')}`], '/dev/fd/7', { given: made.mountpoint });
      await pool.next(id, ['ready']);
      expect(readFileSync(join(made.mountpoint, 'file1'), 'utf8')).toBe('file1');
      unmount(made.mountpoint);
      await pool.next(id, ['ended']);
      const wrong = pool.beginWith(['lowerdir=/missing'], '/dev/fd/7', { given: made.mountpoint });
      expect((await pool.next(wrong, ['refused', 'ready'])).value).toMatchObject({ errno: 2 });
      // Nobody serves it, and the caller, who has made it, unmounts it.
      unmount(made.mountpoint);
    });

    it.skipIf(strace !== 0)('writes lines to the log after the mount is ready, and not to the caller', async () => {
      const made = layers();
      const log = join(base, 'log');
      const id = await pool.mount(made, [`log=${log}`]);
      const lines = pool.lines(id).length;
      await withFailingRead(pool.process.pid ?? 0, () => existsSync(join(made.mountpoint, 'file1')));
      await pool.next(id, ['ended']);
      await waitFor(() => readFileSync(log, 'utf8') !== '', 'a line in the log');
      expect(readFileSync(log, 'utf8')).toMatch(/^\S+Z plyfs\[\d+\]: .*EIO/);
      expect(pool.lines(id).length).toBe(lines);
    });

    it.skipIf(rootless !== null)(`mounts for an ordinary user ${rootless ?? ''}`, async () => {
      const made = layers();
      const [uid = 0, gid = 0] = ['-u', '-g'].map((of) => Number(spawnSync('id', [of, NAME]).stdout));
      for (const dir of [made.upper, made.work, made.mountpoint]) chownSync(dir, uid, gid);
      const users = new PoolProcess({ uid, gid });
      try {
        const id = await users.mount(made);
        expect(readFileSync('/proc/self/mounts', 'utf8')).toContain(`${made.mountpoint} fuse.plyfs rw,nosuid,nodev`);
        expect(await users.unmount(id)).toBeNull();
        expect(isMounted(made.mountpoint)).toBe(false);
      } finally {
        await users.stop();
      }
    });

    it('makes a hundred mounts at once, and ends them all', async () => {
      const all = Array.from({ length: 100 }, () => layers());
      const ids = all.map((made) => pool.begin(made));
      for (const id of ids) expect((await pool.next(id, ['ready', 'refused'])).event).toBe('ready');
      for (const { mountpoint } of all) expect(readFileSync(join(mountpoint, 'file0'), 'utf8')).toBe('file0');
      await pool.call({ call: 'stopAll' });
      for (const id of ids) await pool.next(id, ['ended']);
      expect(all.filter(({ mountpoint }) => isMounted(mountpoint))).toEqual([]);
    });
  },
);

describe.skipIf(unavailable !== null)(
  `200 mounts of one process${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    let base: string;
    let pool: PoolProcess;

    beforeEach(() => {
      base = makeScratch('pool-many');
      pool = new PoolProcess();
    });

    afterEach(async () => {
      await pool.stop().catch(() => pool.kill());
      unmount(join(base, 'merged'));
      removeScratch(base);
    });

    it('leave no fd and no thread, also if they have copied large files and walked trees', async () => {
      const made = makeLayerDirs(base);
      const [lower = ''] = made.lowers;
      for (let i = 0; i < 30; i++) mkdirSync(join(lower, `dir${i}`));
      const one = async (turn: number): Promise<void> => {
        const name = `large${turn}`;
        if (turn % 10 === 0) writeFileSync(join(lower, name), Buffer.alloc(2 << 20, turn));
        const id = await pool.mount(made);
        if (turn % 10 === 0) writeFileSync(join(made.mountpoint, name), 'changed', { flag: 'a' });
        if (turn % 10 === 5) readdirSync(made.mountpoint, { recursive: true });
        // By the pool, lazily, or by umount(2), which the pool only notices.
        if (turn % 3 === 0) unmount(made.mountpoint);
        else expect(await pool.unmount(id, { lazy: turn % 3 === 1 })).toBeNull();
        await pool.next(id, ['ended']);
      };
      for (let turn = 0; turn < 20; turn++) await one(turn);
      const [files, threads] = [pool.openFiles().size, pool.threads()];
      for (let turn = 20; turn < 200; turn++) await one(turn);
      await waitFor(() => pool.openFiles().size <= files, `${files} open files`);
      await waitFor(() => pool.threads() <= threads, `${threads} threads`);
      expect((await pool.status()).mounts).toEqual([]);
    });
  },
);
