/**
 * podman as root: operations on containers and images have the same results on plyfs as on the kernel's
 * overlayfs.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { CHANGES } from '../shared/container-changes.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { saveLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { imageManifest } from '../shared/tree-manifest.js';
import { MOUNTS, OPERATIONS, type Scene, SOME, UNMAPPED } from './podman-operations.js';

const unavailable = clientsUnavailable('podman', 'runc');
const IMAGE = 'localhost/layered';

describe.skipIf(unavailable !== null)(`podman ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let kernel: ContainerStore;
  let plyfs: ContainerStore;
  let saved: string;
  const mappedByKernel = new Map<string, readonly string[]>();

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    kernel = new ContainerStore(machine, 'kernel, comparing trees');
    plyfs = new ContainerStore(machine, 'plyfs');
    saved = saveLayeredImage(machine, kernel.dir, IMAGE);
    for (const store of [kernel, plyfs]) store.podman('load', '--input', saved);
  });
  afterAll(async () => {
    for (const store of [kernel, plyfs]) store.dispose();
    await machine.end();
  });

  it.each([...OPERATIONS, ...UNMAPPED, ...MOUNTS])('%s', (_, operation) => {
    expect(lineDifferences(operation(on(kernel)), operation(on(plyfs)))).toEqual([]);
  });

  describe.each([
    ['with --uidmap, over idmapped layers', true],
    ['with --uidmap, over layers that are not idmapped', false],
  ])('%s', (_, idmappedLowers) => {
    const options = ['--uidmap=0:100000:65536'];
    let mapping: ContainerStore;

    beforeAll(() => {
      mapping = new ContainerStore(machine, 'plyfs', { idmappedLowers });
      mapping.podman('load', '--input', saved);
    });
    afterAll(() => mapping.dispose());

    it('supports the mapping that podman requests', () => {
      const container = mapping.podman('run', '--detach', ...options, IMAGE, 'sleep', 'infinity').trim();
      const mapped = readdirSync(join(mapping.graphRoot, 'overlay')).some((id) =>
        existsSync(join(mapping.graphRoot, 'overlay', id, 'mapped')),
      );
      mapping.removeContainer(container);
      expect(mapped).toBe(idmappedLowers);
    });

    it.each(OPERATIONS.slice(0, SOME))('%s', (title, operation) => {
      const expected = mappedByKernel.get(title) ?? operation(on(kernel, options));
      mappedByKernel.set(title, expected);
      expect(lineDifferences(expected, operation(on(mapping, options)))).toEqual([]);
    });

    it('commits an ended container with the owners that it has seen', () => {
      const [expected, actual] = [[kernel, []] as const, [mapping, options] as const].map(([store, mappings]) => {
        store.podman('run', '--name=changed', ...mappings, IMAGE, 'sh', '-ec', CHANGES);
        store.podman('commit', '--quiet', 'changed', 'committed');
        store.removeContainer('changed');
        const tree = imageManifest(store, 'committed');
        store.podman('rmi', 'committed');
        return tree;
      });
      expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
    });

    it('commits a running container too', () => {
      const container = mapping.podman('run', '--detach', ...options, IMAGE, 'sleep', 'infinity').trim();
      mapping.podman('exec', container, 'touch', '/made');
      mapping.podman('commit', '--quiet', container, 'committed');
      expect(mapping.podman('exec', container, 'stat', '-c', '%u:%g', '/', '/made')).toBe('0:0\n0:0\n');
      mapping.removeContainer(container);
      expect(mapping.podman('run', '--rm', 'committed', 'ls', '/made')).toBe('/made\n');
      mapping.podman('rmi', 'committed');
    });
  });
});

function on(store: ContainerStore, options: readonly string[] = []): Scene {
  return { store, image: IMAGE, options };
}
