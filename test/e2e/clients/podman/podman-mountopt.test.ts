/**
 * `mountopt` of storage.conf reaches the mount program, together with the options that podman and buildah
 * append to it.
 */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BASE_IMAGE, importBaseImage } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable, overlayOptions } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';

const unavailable = clientsUnavailable('podman', 'runc');

describe.skipIf(unavailable !== null)(`mountopt of storage.conf ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let store: ContainerStore;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    // The published images of podman and buildah have these options.
    store = new ContainerStore(machine, 'plyfs', {
      storageConf: ({ graphRoot, runRoot }) =>
        `[storage]\ndriver = "overlay"\ngraphroot = "${graphRoot}"\nrunroot = "${runRoot}"\n${overlayOptions('plyfs')}mountopt = "nodev,fsync=0"\n`,
    });
    importBaseImage(store);
  });
  afterAll(async () => {
    store.dispose();
    await machine.end();
  });

  const rootMount = ['sh', '-ec', 'echo x > /x; grep " / " /proc/mounts'] as const;

  it('is used for an ephemeral container, for which podman appends volatile to fsync=0', () => {
    expect(store.podman('run', '--rm', BASE_IMAGE, ...rootMount)).toMatch(/ \/ fuse\.plyfs /);
  });

  it('is used for a kept container that is started twice', () => {
    const name = store.podman('create', BASE_IMAGE, ...rootMount).trim();
    for (const _ of [1, 2]) expect(store.podman('start', '--attach', name)).toMatch(/ \/ fuse\.plyfs /);
    store.removeContainer(name);
  });

  it('is used for a build', () => {
    writeFileSync(store.at('Containerfile'), `FROM ${BASE_IMAGE}\nRUN echo 1 > /1\nRUN rm /1 && echo 2 > /2\n`);
    store.podman('build', '--network=host', '--tag=built', '--file', store.at('Containerfile'), store.at('tmp'));
    expect(store.podman('run', '--rm', 'built', 'sh', '-c', 'cat /2; [ ! -e /1 ]')).toBe('2\n');
  });
});
