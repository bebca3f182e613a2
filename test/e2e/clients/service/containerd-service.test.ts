/**
 * containerd whose mounts of type `fuse3.plyfs` a running service serves: the same results as with its own
 * overlayfs snapshotter, and nothing is left.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { waitFor } from '../../../harness/mounts.js';
import { ContainerdDaemon } from '../containerd/containerd-daemon.js';
import { importBaseImage } from '../shared/base-image.js';
import { CHANGES } from '../shared/container-changes.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { writeLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { saveImage } from '../shared/saved-image.js';
import { parseTree, TREE_SCRIPT } from '../shared/tree-manifest.js';
import { MachineService } from './machine-service.js';

const unavailable = clientsUnavailable('containerd', 'ctr', 'runc', 'podman', 'mount.fuse3');
const IMAGE = 'localhost/layered:latest';

describe.skipIf(unavailable !== null)(`containerd with a service ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let service: MachineService;
  let store: ContainerStore;
  let daemon: ContainerdDaemon;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    service = new MachineService(machine, { unit: 'system/plyfs.service' });
    await service.start();
    store = new ContainerStore(machine, 'kernel');
    importBaseImage(store);
    store.podman('build', '--network=host', '--tag=layered', writeLayeredImage(store.dir));
    daemon = new ContainerdDaemon(machine);
    daemon.addSnapshotter('plyfs', 'plyfs');
    await daemon.start();
    await daemon.ctr('images', 'import', '--snapshotter', 'overlayfs', saveImage(store, 'layered'));
  });
  afterEach(() => {
    expect(service.refused()).toEqual([]);
  });
  afterAll(async () => {
    try {
      await daemon?.dispose();
      store?.dispose();
      await service?.dispose();
    } finally {
      await machine?.end();
    }
  });

  function runOnce(snapshotter: string, script: string): Promise<string> {
    return daemon.ctr('run', '--rm', '--snapshotter', snapshotter, IMAGE, 'once', 'sh', '-ec', script);
  }

  it('unpacks each layer of an image through a mount of the service', async () => {
    const before = service.status().served;
    await daemon.ctr('images', 'import', '--snapshotter', 'plyfs', saveImage(store, 'layered'));
    expect(service.status().served).toBeGreaterThan(before + 1);
    const [expected = [], actual = []] = [
      parseTree(await runOnce('overlayfs', TREE_SCRIPT)),
      parseTree(await runOnce('plyfs', TREE_SCRIPT)),
    ];
    expect(lineDifferences(expected, actual)).toEqual([]);
  });

  it('runs a container on a mount of the service', async () => {
    const trees: string[][] = [];
    for (const snapshotter of ['overlayfs', 'plyfs']) {
      trees.push(parseTree(await runOnce(snapshotter, `${CHANGES}\n${TREE_SCRIPT}`)));
    }
    expect(lineDifferences(trees[0] ?? [], trees[1] ?? [])).toEqual([]);
  });

  it('runs a container while the service restarts, and later ones on its mounts', async () => {
    await daemon.ctr('run', '--detach', '--snapshotter', 'plyfs', IMAGE, 'waits', 'tail', '-f', '/dev/null');
    expect(service.status().mounts.length).toBe(1);
    await service.killServer();
    expect(await runOnce('plyfs', 'cat /data/keep/one')).toBe(await runOnce('overlayfs', 'cat /data/keep/one'));
    await daemon.ctr('tasks', 'kill', '--signal', 'KILL', 'waits');
    while (!/not found/.test((await daemon.try('tasks', 'rm', 'waits')).stderr));
    await daemon.ctr('containers', 'rm', 'waits');
  });

  it('leaves nothing after several containers', async () => {
    const before = service.status().served;
    for (let i = 0; i < 5; i++) await runOnce('plyfs', 'echo x > /data/new; rm -r /data/keep');
    expect(service.status().served).toBeGreaterThanOrEqual(before + 5);
    expect(daemon.mounts()).toEqual([]);
    await waitFor(() => service.status().mounts.length === 0, 'the mounts to end');
    expect(service.otherServers()).toEqual([]);
  });
});
