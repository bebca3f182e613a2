/** apt-get in a container of a Debian image, the usual step of a Containerfile. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { debianUnavailable, makeDebianTar } from '../shared/debian-image.js';
import { clientsUnavailable, TRIES_ALL } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { DockerDaemon } from './docker-daemon.js';

const unavailable =
  clientsUnavailable('dockerd', 'docker', 'containerd', 'runc') ??
  (TRIES_ALL ? await debianUnavailable() : 'is tried with podman; with PLYFS_CLIENTS=all here too');

/** The time to build the Debian root file system first, if the cache has none. */
const PREPARING = 20 * 60_000;

describe.skipIf(unavailable !== null)(`a Debian image with docker ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let kernel: DockerDaemon;
  let plyfs: DockerDaemon;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    kernel = new DockerDaemon(machine, 'kernel');
    plyfs = new DockerDaemon(machine, 'plyfs');
    const tar = await makeDebianTar(machine, kernel.dir);
    for (const daemon of [kernel, plyfs]) {
      await daemon.start();
      daemon.docker('import', tar, 'debian');
    }
  }, PREPARING);
  afterEach(() => {
    for (const daemon of [kernel, plyfs]) daemon.removeContainers();
  });
  afterAll(async () => {
    try {
      await plyfs?.dispose();
      await kernel?.dispose();
    } finally {
      await machine?.end();
    }
  });

  it('lets apt-get install packages: they verify, change the same files, and are in the commit', () => {
    const install = `
      apt-get -qq update
      apt-get -qq -y --no-install-recommends install hello >&2
      apt-get clean
      rm -rf /var/lib/apt/lists/*
      dpkg --verify hello dpkg apt
      dpkg --audit
      dpkg-query --show | sha256sum`;
    const results = [kernel, plyfs].map((daemon) => {
      const how = ['--network=host', '--env=DEBIAN_FRONTEND=noninteractive', '--name=apt'];
      const output = daemon.docker('run', ...how, 'debian', 'sh', '-euc', install);
      const changed = daemon.docker('diff', 'apt').split('\n').sort();
      daemon.docker('commit', 'apt', 'with-hello');
      const hello = daemon.docker(
        'run',
        '--rm',
        '--network=none',
        'with-hello',
        'sh',
        '-c',
        'hello; dpkg --verify hello',
      );
      return { output, changed, hello };
    });
    expect(results[1]).toEqual(results[0]);
    expect(results[1]?.hello).toBe('Hello, world!\n');
    expect(results[1]?.changed).toContain('A /usr/bin/hello');
  });
});
