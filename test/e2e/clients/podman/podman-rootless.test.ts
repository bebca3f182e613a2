/**
 * podman as an ordinary user, with subordinate ids from /etc/subuid: plyfs behaves as the kernel's overlayfs,
 * which the user can mount too.
 */
import { mkdirSync, statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { NAME, userNamespacesUnavailable } from '../../rootless/ordinary-user.js';
import { importBaseImage } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable, TRIES_ALL } from '../shared/drivers.js';
import { saveLayeredImage, writeLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { imageManifest, unsharedManifest } from '../shared/tree-manifest.js';
import { OPERATIONS, SOME, UNMAPPED } from './podman-operations.js';

const unavailable = clientsUnavailable('podman', 'runc', 'newuidmap', 'setpriv') ?? userNamespacesUnavailable();
const IMAGE = 'localhost/layered';
/** Options with which the container acts as root instead of the user. */
const KEEP_ID = ['--userns=keep-id', '--user=0'];

describe.skipIf(unavailable !== null)(`rootless podman ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  /** A store of root, because the kernel does not let a user's engine compare trees. */
  let roots: ContainerStore;
  let kernel: ContainerStore;
  let plyfs: ContainerStore;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    machine.addSubordinateIds(NAME);
    roots = new ContainerStore(machine, 'kernel, comparing trees');
    kernel = new ContainerStore(machine, 'kernel', { user: NAME });
    plyfs = new ContainerStore(machine, 'plyfs', { user: NAME });
    const saved = saveLayeredImage(machine, roots.dir, IMAGE);
    for (const store of [roots, kernel, plyfs]) store.podman('load', '--input', saved);
  });
  afterAll(async () => {
    for (const store of [roots, kernel, plyfs]) store.dispose();
    await machine.end();
  });

  it.each(OPERATIONS.slice(0, SOME))('%s', (_, operation) => {
    const [expected, actual] = [kernel, plyfs].map((store) => operation({ store, image: IMAGE, options: [] }));
    expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
  });

  it.each(UNMAPPED)('%s', (_, operation) => {
    const [expected, actual] = [roots, plyfs].map((store) => operation({ store, image: IMAGE, options: [] }));
    expect(lineDifferences(withoutDevices(expected ?? []), actual ?? [])).toEqual([]);
  });

  it.skipIf(!TRIES_ALL)('builds the image that root builds, except for devices', () => {
    importBaseImage(plyfs);
    const context = writeLayeredImage(plyfs.dir);
    plyfs.podman('build', '--network=host', '--build-arg=ROOTLESS=yes', '--tag=built', context);
    const [expected, actual] = [imageManifest(roots, IMAGE), imageManifest(plyfs, 'built')];
    // A driver that compares trees takes a new name of an unchanged file for another file. The expected image
    // was built by the kernel's driver.
    const apart = (lines: readonly string[]): string[] => lines.filter((line) => !line.includes('/lower-third -> '));
    expect(lineDifferences(apart(withoutDevices(expected)), apart(actual))).toEqual([]);
  });

  it('mounts an image in podman unshare', () => {
    expect(lineDifferences(unsharedManifest(kernel, IMAGE), unsharedManifest(plyfs, IMAGE))).toEqual([]);
  });

  // For a mapping, podman gives the kernel copies of the layers, with other times and link counts. The
  // expected result is therefore one without a mapping.
  it.each([
    ['--userns=keep-id', KEEP_ID],
    ['--userns=auto', ['--userns=auto']],
    ['--uidmap', ['--uidmap=0:1:1000', '--uidmap=1000:0:1', '--uidmap=1001:1001:64535']],
  ])('shows a container the owners of the image with %s', (_, options) => {
    const [expected, actual] = [imageManifest(kernel, IMAGE), imageManifest(plyfs, IMAGE, ...options)];
    expect(lineDifferences(withoutUsers(expected), withoutUsers(actual))).toEqual([]);
  });

  it.each(OPERATIONS.slice(0, 1))('%s, with --userns=keep-id', (_, operation) => {
    const expected = operation({ store: kernel, image: IMAGE, options: [] });
    const actual = operation({ store: plyfs, image: IMAGE, options: KEEP_ID });
    expect(lineDifferences(withoutUsers(expected), withoutUsers(actual))).toEqual([]);
  });

  it('makes objects in a shared directory belong to the user with --userns=keep-id', () => {
    const shared = plyfs.at('tmp/shared');
    mkdirSync(shared, { mode: 0o777 });
    machine.run(['chown', NAME, shared]);
    const script = 'id -u; touch /shared/made /data/keep/made; stat -c %u /data/keep/made';
    const output = plyfs.podman(
      'run',
      '--rm',
      '--userns=keep-id',
      `--volume=${shared}:/shared`,
      IMAGE,
      'sh',
      '-ec',
      script,
    );
    const { uid } = statSync(`${shared}/made`);
    expect(uid).toBe(statSync(plyfs.at('home')).uid);
    expect(output).toBe(`${uid}\n${uid}\n`);
  });
});

/** A user cannot make devices, so that podman leaves out those of an image. */
function withoutDevices(lines: readonly string[]): string[] {
  return lines.filter((line) => !line.startsWith('c '));
}

/** With keep-id, podman adds the user to these files. */
function withoutUsers(lines: readonly string[]): string[] {
  return lines.filter((line) => !/ \.\/etc\/(passwd|group)( |$)/.test(line));
}
