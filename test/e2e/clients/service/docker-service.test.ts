/** dockerd whose mounts a running service serves: the same results as on overlay2, and nothing is left. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { waitFor } from '../../../harness/mounts.js';
import { DockerDaemon } from '../docker/docker-daemon.js';
import { BASE_IMAGE, makeBaseTar } from '../shared/base-image.js';
import { CHANGES } from '../shared/container-changes.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { writeLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { parseTree, TREE_SCRIPT } from '../shared/tree-manifest.js';
import { MachineService } from './machine-service.js';

const unavailable = clientsUnavailable('dockerd', 'docker', 'containerd', 'runc');
const IMAGE = 'layered';

describe.skipIf(unavailable !== null)(`dockerd with a service ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let service: MachineService;
  let kernel: DockerDaemon;
  let plyfs: DockerDaemon;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    service = new MachineService(machine, { unit: 'system/plyfs.service' });
    await service.start();
    [kernel, plyfs] = (['kernel', 'plyfs'] as const).map((driver) => new DockerDaemon(machine, driver)) as [
      DockerDaemon,
      DockerDaemon,
    ];
    for (const daemon of [kernel, plyfs]) {
      await daemon.start();
      daemon.docker('import', makeBaseTar(daemon.dir), BASE_IMAGE);
    }
  });
  afterEach(() => {
    for (const daemon of [kernel, plyfs]) daemon.removeContainers();
    expect(service.refused()).toEqual([]);
  });
  afterAll(async () => {
    try {
      for (const daemon of [kernel, plyfs]) await daemon?.dispose();
      await service?.dispose();
    } finally {
      await machine?.end();
    }
  });

  function run(daemon: DockerDaemon, ...args: readonly string[]): string {
    return daemon.docker('run', '--network=none', '--stop-signal=KILL', ...args);
  }

  function starts(): string {
    return plyfs.try('exec', 'counting', 'cat', '/starts').stdout;
  }

  async function startCounting(): Promise<void> {
    const script = 'echo started >> /starts; exec tail -f /dev/null';
    run(plyfs, '--detach', '--name=counting', BASE_IMAGE, 'sh', '-c', script);
    await waitFor(() => starts() === 'started\n', 'the first start');
  }

  it('builds the same image, with one mount or more for each step', () => {
    const before = service.status().served;
    const trees = [kernel, plyfs].map((daemon) => {
      const context = writeLayeredImage(daemon.dir);
      daemon.docker('build', '--network=none', '--file', join(context, 'Containerfile'), '--tag', IMAGE, context);
      return comparable(run(daemon, '--rm', IMAGE, 'sh', '-ec', TREE_SCRIPT));
    });
    expect(lineDifferences(trees[0] ?? [], trees[1] ?? [])).toEqual([]);
    const layers = plyfs.docker('history', '--quiet', IMAGE).trimEnd().split('\n').length;
    expect(service.status().served).toBeGreaterThanOrEqual(before + layers);
  });

  it('runs a container on a mount of the service, which shows its changes when it is started again', () => {
    const trees = [kernel, plyfs].map((daemon) => {
      run(daemon, '--detach', '--name=subject', IMAGE, 'tail', '-f', '/dev/null');
      daemon.docker('exec', 'subject', 'sh', '-ec', CHANGES);
      daemon.docker('restart', '--time=0', 'subject');
      return comparable(daemon.docker('exec', 'subject', 'sh', '-ec', TREE_SCRIPT));
    });
    expect(lineDifferences(trees[0] ?? [], trees[1] ?? [])).toEqual([]);
    expect(service.status().mounts.map(({ mountpoint }) => mountpoint)).toEqual(plyfs.mounts());
    expect(plyfs.mounts().length).toBe(1);
  });

  it('starts a container again whose server was killed, with all written data', async () => {
    await startCounting();
    await service.killServer();
    expect(starts()).toBe('');
    plyfs.docker('stop', 'counting');
    plyfs.docker('start', 'counting');
    await waitFor(() => starts() === 'started\nstarted\n', 'the second start');
    expect(service.status().mounts.length).toBe(1);
  });

  it('starts a container again when the service has ended, with a server of its own', async () => {
    await startCounting();
    await service.stop();
    expect(starts()).toBe('');
    plyfs.docker('stop', 'counting');
    plyfs.docker('start', 'counting');
    await waitFor(() => starts() === 'started\nstarted\n', 'the second start');
    expect(service.otherServers().length).toBe(1);
    plyfs.removeContainers();
    await service.start();
  });

  it('starts after the service has been killed under its containers', async () => {
    await startCounting();
    await plyfs.signal('KILL');
    await service.killServer();
    await plyfs.start();
    const state = (): string => plyfs.docker('inspect', '--format', '{{.State.Status}}', 'counting').trim();
    await waitFor(() => state() === 'exited', 'the daemon to see the container ended');
    plyfs.docker('start', 'counting');
    await waitFor(() => starts() === 'started\nstarted\n', 'the second start');
  });

  it('leaves nothing after several containers', async () => {
    const before = service.status().served;
    for (let i = 0; i < 5; i++) run(plyfs, '--rm', BASE_IMAGE, 'sh', '-c', 'echo > /new');
    expect(service.status().served).toBeGreaterThanOrEqual(before + 5);
    await waitFor(() => service.status().mounts.length === 0, 'the mounts to end');
    expect(plyfs.mounts()).toEqual([]);
    expect(service.otherServers()).toEqual([]);
  });
});

/** Leaves out a new name of a lower file. A driver that compares trees makes it another file in an image. */
function comparable(output: string): string[] {
  return parseTree(output).filter((line) => !line.includes('/lower-third -> '));
}
