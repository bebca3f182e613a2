/** Images built by podman and buildah, whose layers the drivers make: the same tree, and the same layers. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BASE_IMAGE, importBaseImage } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable, TRIES_ALL } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { layerListings } from '../shared/saved-image.js';
import { LAYERS, writeSixLayers } from '../shared/six-layers.js';
import { differences, imageManifest, mountManifest } from '../shared/tree-manifest.js';

const unavailable = clientsUnavailable('podman', 'buildah', 'runc');

describe.skipIf(unavailable !== null)(`podman build and buildah ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  /** By its own way of telling what a layer has changed. */
  let native: ContainerStore;
  let kernel: ContainerStore;
  let plyfs: ContainerStore;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    native = new ContainerStore(machine, 'kernel');
    kernel = new ContainerStore(machine, 'kernel, comparing trees');
    plyfs = new ContainerStore(machine, 'plyfs');
    for (const store of [native, kernel, plyfs]) {
      importBaseImage(store);
      store.podman('build', '--network=host', '--tag=six', writeSixLayers(store.dir));
    }
  });
  afterAll(async () => {
    for (const store of [native, kernel, plyfs]) store.dispose();
    await machine.end();
  });

  it('the six layers have the tree that the kernel gives them', () => {
    const tree = imageManifest(plyfs, 'six');
    expect(differences(imageManifest(kernel, 'six'), tree)).toEqual([]);
    // A new name of a file that a lower layer has is no change of that file: who compares trees sees a new
    // file.
    expect(differences(imageManifest(native, 'six'), tree)).toEqual([
      'missing: f 644 0:0 2 12 981173106 ./data/links/lower-third -> ',
      'added: f 644 0:0 1 12 981173106 ./data/links/lower-third -> ',
    ]);
  });

  it('each layer, as it is saved, holds what it holds with the kernel', () => {
    const [expected, actual] = [layerListings(kernel, 'six'), layerListings(plyfs, 'six')];
    expect(actual.length).toBe(LAYERS + 1);
    actual.forEach((layer, i) => {
      expect(differences(expected[i] ?? [], layer), `layer ${i}`).toEqual([]);
    });
    expect(actual.flat().filter((line) => /^data\/\.wh\.gone /.test(line)).length).toBe(1);
  });

  it('podman diff of the image lists what its last layer has changed', () => {
    // For this podman mounts the layer as it lies in the store, deletions as `.wh.` files, as the upper.
    const image = 'six';
    writeFileSync(plyfs.at('Containerfile'), 'FROM six\nRUN rm -r /data/kinds && rm /etc/group && mkdir /data/kinds\n');
    writeFileSync(
      kernel.at('Containerfile'),
      'FROM six\nRUN rm -r /data/kinds && rm /etc/group && mkdir /data/kinds\n',
    );
    const [expected, actual] = [kernel, plyfs].map((store) => {
      store.podman('build', '--network=host', '--tag=less', '--file', store.at('Containerfile'), store.at('tmp'));
      return [image, 'less'].map((name) => store.podman('diff', name).trim().split('\n').sort());
    });
    expect(actual).toEqual(expected);
    expect(actual?.[1]).toContain('D /etc/group');
  });

  it.skipIf(!TRIES_ALL)('buildah builds all of them in one container', () => {
    const [expected, actual] = [kernel, plyfs].map((store) => {
      store.buildah('build', '--network=host', '--no-cache', '--layers=false', '--tag=one', store.at('six-layers'));
      return { tree: imageManifest(store, 'one'), layers: layerListings(store, 'one') };
    });
    expect(differences(expected?.tree ?? [], actual?.tree ?? [])).toEqual([]);
    expect(actual?.layers.length).toBe(2);
    expect(differences(expected?.layers.flat() ?? [], actual?.layers.flat() ?? [])).toEqual([]);
  });

  it('builds of several stages copy from one to the next', () => {
    const containerfile = `
      FROM ${BASE_IMAGE} AS first
      RUN mkdir -p /made/deep && echo 1 > /made/deep/one && ln /made/deep/one /made/two && ln -s deep /made/link
      FROM ${BASE_IMAGE}
      COPY --from=first --chown=5:6 /made /copied
      RUN rm /copied/deep/one && mkdir /copied/deep/new
      VOLUME /copied/volume`;
    const [expected, actual] = [kernel, plyfs].map((store) => {
      const file = store.at('Containerfile');
      writeFileSync(file, containerfile);
      store.podman('build', '--network=host', '--squash', '--tag=stages', '--file', file, store.at('tmp'));
      return imageManifest(store, 'stages');
    });
    expect(differences(expected ?? [], actual ?? [])).toEqual([]);
  });

  it('a session of buildah: from, run, copy, mount, commit', () => {
    const [expected, actual] = [kernel, plyfs].map((store) => {
      const container = store.buildah('from', 'six').trim();
      store.buildah('run', '--network=host', container, 'sh', '-ec', 'echo run > /data/run; rm -r /data/kinds');
      store.buildah('copy', container, store.at('six-layers/added'), '/data/copied');
      const at = store.buildah('mount', container).trim();
      store.try(['sh', '-ec', 'cd "$1/data"; echo mounted > mounted; mv copied moved; rm -r owned', 'sh', at]);
      const mounted = mountManifest(store, at);
      const said = store.buildah('run', '--network=host', container, 'cat', '/data/mounted', '/data/moved');
      store.buildah('umount', container);
      store.buildah('config', '--cmd', 'ls /data', container);
      store.buildah('commit', '--quiet', container, 'session');
      store.buildah('rm', container);
      const leftMounted = store.mounts();
      return [
        ...mounted,
        said,
        ...leftMounted,
        store.podman('run', '--rm', 'session'),
        ...imageManifest(store, 'session'),
      ];
    });
    expect(differences(expected ?? [], actual ?? [])).toEqual([]);
  });

  it('images and containers that were made with the kernel are read', () => {
    native.podman('create', '--name=before', 'six', 'sh', '-c', 'cat /data/outside; ls /data');
    const at = native.podman('mount', 'before').trim();
    native.try(['sh', '-ec', 'cd "$1/data"; echo outside > outside; rm -r kinds; rm -r owned; mkdir owned', 'sh', at]);
    native.podman('umount', 'before');
    const tree = imageManifest(native, 'six');
    native.changeDriver('plyfs');
    expect(differences(tree, imageManifest(native, 'six'))).toEqual([]);
    const [said, ...names] = native.podman('start', '--attach', 'before').trim().split('\n');
    expect(said).toBe('outside');
    expect(names).toContain('owned');
    expect(names).not.toContain('kinds');
    native.removeContainer('before');
  });
});
