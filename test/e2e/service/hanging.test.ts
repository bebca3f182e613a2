/** A service while a file system does not answer: only the mounts that use it wait. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Faults, FaultyLayer } from '../../harness/faulty-layer.js';
import { mountsUnavailable, waitFor } from '../../harness/mounts.js';
import { ScriptedCaller } from './scripted-caller.js';
import { isAlive, type RunningService, ServiceSandbox, until } from './service-under-test.js';
import { SilentFilesystem } from './silent-filesystem.js';
import { MountCommand, makeUnion, mountsOn, statusOf } from './unions.js';

const unavailable = mountsUnavailable();

describe.skipIf(unavailable !== null)(`the service${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let box: ServiceSandbox;
  let service: RunningService;
  const children: ChildProcess[] = [];
  const callers: ScriptedCaller[] = [];

  beforeEach(async () => {
    box = new ServiceSandbox();
    service = await box.start();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    for (const caller of callers.splice(0)) caller.end();
    await box.close();
  });

  /** Mounts a new union by the service, and checks that it works. */
  async function expectServes(name: string, options: readonly string[] = []): Promise<void> {
    const union = makeUnion(box, name, ['service=required', ...options]);
    expect(await new MountCommand(box, union.args).ended).toEqual({ status: 0, signal: null, stderr: '' });
    expectWorks(union.mountpoint, union.upper);
    expect(box.plyfs('umount', union.mountpoint)).toMatchObject({ status: 0, stderr: '' });
  }

  function expectWorks(mountpoint: string, upper: string): void {
    writeFileSync(join(mountpoint, 'written'), 'text');
    expect(readFileSync(join(upper, 'written'), 'utf8')).toBe('text');
    expect(readFileSync(join(mountpoint, 'from-base'), 'utf8')).toBe('base\n');
  }

  it('checks and serves other callers than the one that has it as its working directory', async () => {
    const faults = new Faults();
    mkdirSync(box.at('direct'));
    const uncached = await FaultyLayer.mount(box.at('top'), box.at('direct'), faults, 0);
    const caller = new ScriptedCaller(box, ['mount', '-o', `lowerdir=${box.at('top')}`, box.at('mnt')], {
      wrapper: ['env', '-C', uncached.mountpoint],
    });
    callers.push(caller);
    try {
      await caller.beTaken();
      faults.arm({ n: 1, errno: 'hang', lasting: true });
      // Opening the working directory, with O_PATH, asks no file system. The main thread does it.
      await caller.beTaken();
      caller.go();
      await waitFor(() => faults.hits > 0, 'a thread to hang');
      await expectServes('one');
      await expectServes('two');
    } finally {
      faults.disarm();
      caller.end();
      await service.end();
      await uncached.unmount();
    }
  });

  describe('while the layer of a mount hangs', () => {
    let faults: Faults;
    let layer: FaultyLayer;
    let merged: string;

    beforeEach(async () => {
      for (const name of ['source', 'faulty', 'merged']) mkdirSync(box.at(name));
      for (const name of ['up', 'work']) mkdirSync(box.at(`source/${name}`));
      faults = new Faults();
      layer = await FaultyLayer.mount(box.at('source'), box.at('faulty'), faults, 1e9);
      merged = box.at('merged');
      const options = 'lowerdir=top:base,upperdir=faulty/up,workdir=faulty/work,service=required';
      expect(box.plyfs('mount', '-o', options, merged)).toEqual({ status: 0, stdout: '', stderr: '' });
    });
    afterEach(async () => {
      faults.disarm();
      for (const child of children.splice(0)) child.kill('SIGKILL');
      await service.end();
      await layer.unmount();
    });

    async function hang(): Promise<void> {
      faults.arm({ n: 1, errno: 'hang', kinds: ['MKDIR'] });
      children.push(spawn('mkdir', [join(merged, 'new')], { stdio: 'ignore' }));
      await waitFor(() => faults.hits > 0, 'the layer to hang');
    }

    it('serves its other mounts and new ones, and shows which thread hangs', async () => {
      const before = makeUnion(box, 'before', ['service=required']);
      expect((await new MountCommand(box, before.args).ended).status).toBe(0);
      await hang();
      expectWorks(before.mountpoint, before.upper);
      await expectServes('after');
      const { mounts, server } = statusOf(box);
      const [stuck] = mounts.filter(({ mountpoint }) => mountpoint === merged);
      expect(stuck).toMatchObject({ requests: null, nodes: null });
      const silent = server.threads.filter(({ state }) => state === 'silent');
      expect(silent.map(({ thread }) => thread)).toEqual([stuck?.thread]);
      faults.disarm();
      await until(() => readdirSync(merged).includes('new'));
      expect(statusOf(box).server.threads.some(({ state }) => state === 'silent')).toBe(false);
    });

    it('ends after --stop --lazy', async () => {
      await hang();
      expect(box.plyfs('serve', '--stop', '--lazy')).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(await service.ended()).toBe(0);
      expect(mountsOn(merged)).toBe(0);
    });

    it.each(['supervisor', 'server'] as const)('ends after SIGTERM to its %s', async (which) => {
      await hang();
      process.kill(box.pids()[which], 'SIGTERM');
      expect(await service.ended()).toBe(0);
      expect(mountsOn(merged)).toBe(0);
    });

    it('ends after SIGTERM to its server, also without a supervisor that kills it', async () => {
      const { server } = box.pids();
      await hang();
      service.kill('SIGKILL');
      await service.ended();
      process.kill(server, 'SIGTERM');
      await until(() => !isAlive(server));
      expect(mountsOn(merged)).toBe(0);
    });
  });

  describe('while a file system does not answer', () => {
    let silent: SilentFilesystem;
    beforeEach(() => {
      mkdirSync(box.at('silent'));
      silent = SilentFilesystem.mount(box.at('silent'));
    });
    afterEach(() => silent.unmount());

    /** Begins a mount that waits for the file system. */
    async function beginStuck(): Promise<MountCommand> {
      const union = makeUnion(box, 'stuck');
      const args = ['mount', '-o', `lowerdir=${silent.mountpoint},service=required`, union.mountpoint];
      const command = new MountCommand(box, args);
      children.push(command.child);
      await until(() => silent.requests > 0);
      return command;
    }

    it('serves other mounts than the one that has it as a layer', async () => {
      const stuck = await beginStuck();
      await expectServes('one');
      await expectServes('two');
      silent.unmount();
      expect((await stuck.ended).status).toBe(1);
    });

    it('ends after SIGTERM, although a thread that waits for it cannot be killed', async () => {
      await beginStuck();
      process.kill(service.pid, 'SIGTERM');
      expect(await service.ended()).toBe(0);
      expect(service.text).toContain('cannot be killed');
    });
  });
});
