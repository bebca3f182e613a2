/**
 * podman and buildah whose mounts a running service serves, as root and rootless: the same results as on the
 * kernel's overlayfs, and nothing is left.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { waitFor } from '../../../harness/mounts.js';
import { NAME, userNamespacesUnavailable } from '../../rootless/ordinary-user.js';
import { OPERATIONS } from '../podman/podman-operations.js';
import { BASE_IMAGE, importBaseImage } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { saveLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { imageManifest } from '../shared/tree-manifest.js';
import { MachineService } from './machine-service.js';

const unavailable =
  clientsUnavailable('podman', 'buildah', 'runc', 'newuidmap', 'setpriv') ?? userNamespacesUnavailable();
const IMAGE = 'localhost/layered';

describe.skipIf(unavailable !== null).each([
  ['as root', undefined],
  ['as an ordinary user', NAME],
])(`podman and buildah with a service, %s ${unavailable ?? ''}`, (_, user) => {
  let machine: PrivateMachine;
  let kernel: ContainerStore;
  let plyfs: ContainerStore;
  let service: MachineService;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    machine.addSubordinateIds(NAME);
    const owner = user === undefined ? {} : { user };
    kernel = new ContainerStore(machine, 'kernel', owner);
    plyfs = new ContainerStore(machine, 'plyfs', owner);
    service = new MachineService(
      machine,
      user === undefined
        ? { unit: 'system/plyfs.service' }
        : { unit: 'user/plyfs-podman.service', as: (command, options) => plyfs.try(command, options) },
    );
    await service.start();
    const saved = saveLayeredImage(machine, kernel.dir, IMAGE);
    for (const store of [kernel, plyfs]) {
      store.podman('load', '--input', saved);
      importBaseImage(store);
    }
  });
  afterEach(() => {
    expect(service.refused()).toEqual([]);
  });
  afterAll(async () => {
    try {
      await service?.dispose();
      for (const store of [kernel, plyfs]) store?.dispose();
    } finally {
      await machine?.end();
    }
  });

  function mountsNow(): string[] {
    return service.status().mounts.map(({ mountpoint }) => mountpoint);
  }

  it.each(OPERATIONS.slice(0, 2))('%s', (_title, operation) => {
    const before = service.status().served;
    const [expected, actual] = [kernel, plyfs].map((store) => operation({ store, image: IMAGE, options: [] }));
    expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
    expect(service.status().served).toBeGreaterThan(before);
  });

  it('build an image, with one mount or more for each step', () => {
    const before = service.status().served;
    const containerfile = `FROM ${BASE_IMAGE}\nRUN echo 1 > /one\nRUN rm /one; mkdir /two\nRUN mv /etc/group /two`;
    // Without `podman unshare`, buildah of a user makes a user namespace of its own for each command.
    const within = user === undefined ? '' : 'podman unshare';
    const build = `cat > "$TMPDIR/Containerfile"; ${within} buildah build --quiet --layers --network=host --tag=built "$TMPDIR"`;
    const [expected, actual] = [kernel, plyfs].map((store) => {
      expect(store.try(['sh', '-ec', build], { input: containerfile })).toMatchObject({ status: 0 });
      return imageManifest(store, 'built');
    });
    expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
    expect(service.status().served).toBeGreaterThanOrEqual(before + 3);
  });

  /** Starts a container that counts its starts in a file, and waits for the first one. */
  async function startCounting(name: string): Promise<void> {
    const script = 'echo started >> /starts; exec tail -f /dev/null';
    plyfs.podman('run', '--detach', `--name=${name}`, BASE_IMAGE, 'sh', '-c', script);
    await untilStarted(name, 1);
  }

  async function untilStarted(name: string, times: number): Promise<void> {
    const starts = 'started\n'.repeat(times);
    await waitFor(() => plyfs.try(['podman', 'exec', name, 'cat', '/starts']).stdout === starts, `${times} starts`);
  }

  /** Starts a container again whose root directory has no server. */
  async function startAgain(name: string): Promise<void> {
    expect(plyfs.try(['podman', 'exec', name, 'cat', '/starts']).status).not.toBe(0);
    plyfs.podman('kill', name);
    plyfs.podman('wait', name);
    plyfs.podman('start', name);
    await untilStarted(name, 2);
  }

  it('start a container again whose server was killed, with all written data', async () => {
    await startCounting('victim');
    await service.killServer();
    await startAgain('victim');
    expect(service.status().mounts.length).toBe(1);
    plyfs.removeContainer('victim');
    expect(plyfs.mounts()).toEqual([]);
  });

  it('start a container again when the service has ended, with a server of its own', async () => {
    await startCounting('left');
    await service.stop();
    expect(plyfs.podman('run', '--rm', BASE_IMAGE, 'cat', '/etc/group')).toContain('root:x:0:');
    await startAgain('left');
    expect(service.otherServers().length).toBe(1);
    plyfs.removeContainer('left');
    await waitFor(() => service.otherServers().length === 0, 'the server to end');
    expect(plyfs.mounts()).toEqual([]);
    await service.start();
  });

  it('leave nothing', async () => {
    const before = service.status().served;
    for (let i = 0; i < 5; i++) plyfs.podman('run', '--rm', BASE_IMAGE, 'sh', '-c', 'echo > /new');
    expect(service.status().served).toBe(before + 5);
    await waitFor(() => mountsNow().length === 0, 'the mounts to end');
    expect(plyfs.mounts().filter((path) => path.endsWith('/merged'))).toEqual([]);
    expect(service.otherServers()).toEqual([]);
  });
});
