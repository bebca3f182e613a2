import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { MountReport } from '../../../../src/service/order/supervisor-message.js';
import { ReportedMounts } from '../../../../src/service/supervisor/reported-mounts.js';
import { mountFs, umountFs } from '../../../../src/sys/mount.js';
import { mountedOn, parseMountinfo } from '../../../../src/sys/mountinfo.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

const MNT_DETACH = 2;

/** Mounts a FUSE file system without a server. Returns the fd of its device. */
function mountFuse(path: string): number {
  const fd = openSync('/dev/fuse', 'r+');
  mountFs('test', path, 'fuse', 0, `fd=${fd},rootmode=40000,user_id=0,group_id=0`);
  return fd;
}

describe.runIf(process.getuid?.() === 0)('mounts of a server process that has died (needs root)', () => {
  let dir: string;
  let path: string;
  let mounts: ReportedMounts;
  const logged: string[] = [];

  beforeEach(() => {
    dir = makeScratch('reported');
    path = join(dir, 'mnt');
    mkdirSync(path);
    logged.length = 0;
    mounts = new ReportedMounts((line) => logged.push(line));
  });

  afterEach(() => {
    expect(logged).toEqual([]);
    while (mountedOn(path) !== undefined) umountFs(path, MNT_DETACH);
    removeScratch(dir);
  });

  function announce(covered?: number): void {
    const mountNamespace = readlinkSync('/proc/self/ns/mnt');
    mounts.handle({ kind: 'mounting', id: 1, mountpoint: path, pid: process.pid, mountNamespace, covered });
  }

  /** Mounts, and ends the server at once. Returns the id of the mount. */
  function mountDead(): number {
    closeSync(mountFuse(path));
    return mountedOn(path)?.id ?? 0;
  }

  function later(...reports: readonly MountReport[]): void {
    for (const report of reports) mounts.handle(report);
  }

  it('are detached if it has died before it could report that they exist', async () => {
    announce();
    mountDead();
    await mounts.detach('unanswered');
    expect(mountedOn(path)).toBeUndefined();
  });

  describe('of a caller in another mount namespace', () => {
    let caller: ChildProcess;
    afterEach(() => caller.kill('SIGKILL'));

    /** Starts a caller, and announces a mount of it. Resolves when it is in its place. */
    async function announceFrom(program: string, ...args: readonly string[]): Promise<void> {
      caller = spawn(program, args, { cwd: dir, stdio: 'ignore' });
      await vi.waitUntil(() => readFileSync(`/proc/${caller.pid}/comm`, 'utf8') === 'sleep\n');
      const mountNamespace = readlinkSync(`/proc/${caller.pid}/ns/mnt`);
      const pid = caller.pid ?? 0;
      mounts.handle({ kind: 'mounting', id: 1, mountpoint: path, pid, mountNamespace, covered: undefined });
    }

    /** Mounts a FUSE file system whose server ends at once, where the caller sees it. */
    function mountDeadThere(): void {
      const script = 'exec 5<>/dev/fuse; mount -i -t fuse -o fd=5,rootmode=40000,user_id=0,group_id=0 test "$0"';
      execFileSync('nsenter', ['-t', `${caller.pid}`, '-m', 'sh', '-c', script, path]);
    }

    function isMountedThere(): boolean {
      return mountedOn(path, parseMountinfo(readFileSync(`/proc/${caller.pid}/mountinfo`, 'latin1'))) !== undefined;
    }

    it('are detached there, also if their existence was not reported', async () => {
      await announceFrom('unshare', '--mount', '--propagation', 'private', 'sleep', '1000');
      mountDeadThere();
      expect(isMountedThere()).toBe(true);
      await mounts.detach('unanswered');
      expect(isMountedThere()).toBe(false);
    });
  });

  it('are detached if the caller has no answer', async () => {
    announce();
    later({ kind: 'mounted', id: 1, mountId: mountDead() });
    await mounts.detach('unanswered');
    expect(mountedOn(path)).toBeUndefined();
  });

  it('stay if the caller has its answer, unless the service ends', async () => {
    announce();
    const id = mountDead();
    later({ kind: 'mounted', id: 1, mountId: id }, { kind: 'answered', id: 1 });
    await mounts.detach('unanswered');
    expect(mountedOn(path)?.id).toBe(id);
    announce();
    later({ kind: 'mounted', id: 1, mountId: id }, { kind: 'answered', id: 1 });
    await mounts.detach('all');
    expect(mountedOn(path)).toBeUndefined();
  });

  it('are not confused with a mount that was there before', async () => {
    const before = mountDead();
    announce(before);
    await mounts.detach('unanswered');
    expect(mountedOn(path)?.id).toBe(before);
  });

  it('are not confused with a mount of another program that works', async () => {
    announce();
    mountFs('test', path, 'tmpfs', 0, '');
    await mounts.detach('unanswered');
    expect(mountedOn(path)?.type).toBe('tmpfs');
  });

  it('are not confused with a FUSE mount of another server that does not answer', async () => {
    announce();
    const device = mountFuse(path);
    try {
      await mounts.detach('unanswered');
      expect(mountedOn(path)?.type).toBe('fuse');
    } finally {
      umountFs(path, MNT_DETACH);
      closeSync(device);
    }
  });

  it('are forgotten when they have been unmounted', async () => {
    announce();
    const id = mountDead();
    later({ kind: 'mounted', id: 1, mountId: id }, { kind: 'gone', id: 1 });
    await mounts.detach('all');
    expect(mountedOn(path)?.id).toBe(id);
  });
});
