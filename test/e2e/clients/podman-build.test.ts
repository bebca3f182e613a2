/** Images built by podman and buildah, whose layers the drivers make: the same tree, and the same layers. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BASE_IMAGE, importBaseImage } from './base-image.js';
import { ContainerStore } from './container-store.js';
import { clientsUnavailable, DRIVERS, type Driver } from './drivers.js';
import { PrivateMachine } from './private-machine.js';
import { writeSixLayers } from './six-layers.js';
import { differences, imageManifest } from './tree-manifest.js';

const unavailable = clientsUnavailable('podman', 'buildah', 'runc', 'fuse-overlayfs');

describe.skipIf(unavailable !== null)(`podman build and buildah ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  const stores = new Map<Driver, ContainerStore>();

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    for (const driver of DRIVERS) {
      const store = new ContainerStore(machine, driver);
      stores.set(driver, store);
      importBaseImage(store);
      store.podman('build', '--network=host', '--tag=six', writeSixLayers(store.dir));
    }
  });
  afterAll(async () => {
    for (const store of stores.values()) store.dispose();
    await machine.end();
  });

  function onEach<T>(work: (store: ContainerStore) => T): Record<Driver, T> {
    return Object.fromEntries([...stores].map(([driver, store]) => [driver, work(store)])) as Record<Driver, T>;
  }

  it('base', () => {
    const trees = onEach((store) => imageManifest(store, BASE_IMAGE));
    expect(differences(trees.kernel, trees.plyfs)).toEqual([]);
  });

  it('the six layers have the tree that the kernel gives them', () => {
    const trees = onEach((store) => imageManifest(store, 'six'));
    expect(differences(trees.kernel, trees.plyfs)).toEqual([]);
  });
});
