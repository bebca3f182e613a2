/** Images that podman and buildah build on the drivers have the same trees and the same layers. */
import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { BASE_IMAGE, importBaseImage } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable, TRIES_ALL } from '../shared/drivers.js';
import { LAYERS, writeLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { layerListings } from '../shared/saved-image.js';
import { imageManifest, mountManifest } from '../shared/tree-manifest.js';

const unavailable = clientsUnavailable('podman', 'buildah', 'runc');

describe.skipIf(unavailable !== null)(`podman build and buildah ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  /** The kernel's driver, which finds changes in the upper and does not compare trees. */
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
      store.podman('build', '--network=host', '--tag=layered', writeLayeredImage(store.dir));
    }
  });
  afterAll(async () => {
    for (const store of [native, kernel, plyfs]) store.dispose();
    await machine.end();
  });

  it('build an image of many layers with the same tree as on the kernel', () => {
    const tree = imageManifest(plyfs, 'layered');
    expect(lineDifferences(imageManifest(kernel, 'layered'), tree)).toEqual([]);
    // A new name of a lower file does not change that file. A driver that compares trees finds a new file.
    expect(lineDifferences(imageManifest(native, 'layered'), tree)).toEqual([
      'missing: f 644 0:0 2 12 981173106 ./data/links/lower-third -> ',
      'added: f 644 0:0 1 12 981173106 ./data/links/lower-third -> ',
    ]);
  });

  it('save layers with the same content as on the kernel', () => {
    const [expected, actual] = [layerListings(kernel, 'layered'), layerListings(plyfs, 'layered')];
    expect(actual.length).toBe(LAYERS + 1);
    actual.forEach((layer, i) => {
      expect(lineDifferences(expected[i] ?? [], layer), `layer ${i}`).toEqual([]);
    });
    expect(actual.flat().filter((line) => /^data\/\.wh\.gone /.test(line)).length).toBe(1);
  });

  it('list the changes of the last layer in podman diff', () => {
    // For the diff, podman mounts the layer as the upper, with deletions as `.wh.` files, as it is in the
    // store.
    const image = 'layered';
    writeFileSync(
      plyfs.at('Containerfile'),
      'FROM layered\nRUN rm -r /data/kinds && rm /etc/group && mkdir /data/kinds\n',
    );
    writeFileSync(
      kernel.at('Containerfile'),
      'FROM layered\nRUN rm -r /data/kinds && rm /etc/group && mkdir /data/kinds\n',
    );
    const [expected, actual] = [kernel, plyfs].map((store) => {
      store.podman('build', '--network=host', '--tag=less', '--file', store.at('Containerfile'), store.at('tmp'));
      return [image, 'less'].map((name) => store.podman('diff', name).trim().split('\n').sort());
    });
    expect(actual).toEqual(expected);
    expect(actual?.[1]).toContain('D /etc/group');
  });

  it.skipIf(!TRIES_ALL)('build all layers in one container (buildah)', () => {
    const [expected, actual] = [kernel, plyfs].map((store) => {
      store.buildah('build', '--network=host', '--no-cache', '--layers=false', '--tag=one', store.at('layered-image'));
      return { tree: imageManifest(store, 'one'), layers: layerListings(store, 'one') };
    });
    expect(lineDifferences(expected?.tree ?? [], actual?.tree ?? [])).toEqual([]);
    expect(actual?.layers.length).toBe(2);
    expect(lineDifferences(expected?.layers.flat() ?? [], actual?.layers.flat() ?? [])).toEqual([]);
  });

  it('copy from one stage of a build to the next', () => {
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
    expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
  });

  it('run a session of buildah: from, run, copy, mount, commit', () => {
    const [expected, actual] = [kernel, plyfs].map((store) => {
      const container = store.buildah('from', 'layered').trim();
      store.buildah('run', '--network=host', container, 'sh', '-ec', 'echo run > /data/run; rm -r /data/kinds');
      store.buildah('copy', container, store.at('layered-image/added'), '/data/copied');
      const at = store.buildah('mount', container).trim();
      store.try(['sh', '-ec', 'cd "$1/data"; echo mounted > mounted; mv copied moved; rm -r owned', 'sh', at]);
      const mounted = mountManifest(store, at);
      const output = store.buildah('run', '--network=host', container, 'cat', '/data/mounted', '/data/moved');
      store.buildah('umount', container);
      store.buildah('config', '--cmd', 'ls /data', container);
      store.buildah('commit', '--quiet', container, 'session');
      store.buildah('rm', container);
      const leftMounted = store.mounts();
      return [
        ...mounted,
        output,
        ...leftMounted,
        store.podman('run', '--rm', 'session'),
        ...imageManifest(store, 'session'),
      ];
    });
    expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
  });

  it('read images and containers that were made with the kernel', () => {
    native.podman('create', '--name=before', 'layered', 'sh', '-c', 'cat /data/outside; ls /data');
    const at = native.podman('mount', 'before').trim();
    native.try(['sh', '-ec', 'cd "$1/data"; echo outside > outside; rm -r kinds; rm -r owned; mkdir owned', 'sh', at]);
    native.podman('umount', 'before');
    const tree = imageManifest(native, 'layered');
    native.changeDriver('plyfs');
    expect(lineDifferences(tree, imageManifest(native, 'layered'))).toEqual([]);
    const [output, ...names] = native.podman('start', '--attach', 'before').trim().split('\n');
    expect(output).toBe('outside');
    expect(names).toContain('owned');
    expect(names).not.toContain('kinds');
    native.removeContainer('before');
  });
});
