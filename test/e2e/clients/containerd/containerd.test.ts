/**
 * containerd, whose snapshots plyfs mounts as `fuse3.plyfs`: the same as by its own snapshotter, the kernel's
 * overlayfs.
 */
import { readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLYFS, waitFor } from '../../../harness/mounts.js';
import { importBaseImage } from '../shared/base-image.js';
import { CHANGES } from '../shared/container-changes.js';
import { ContainerStore } from '../shared/container-store.js';
import { documentedBlock } from '../shared/containers-document.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { saveImage } from '../shared/saved-image.js';
import { writeSixLayers } from '../shared/six-layers.js';
import { tarListing } from '../shared/tar-listing.js';
import { differences, parseTree, TREE_SCRIPT } from '../shared/tree-manifest.js';
import { ContainerdDaemon } from './containerd-daemon.js';
import type { ProxySnapshotter } from './proxy-snapshotter.js';

const unavailable = clientsUnavailable('containerd', 'ctr', 'runc', 'podman', 'mount.fuse3');
const IMAGE = 'localhost/six:latest';
const BASE = 'localhost/base:latest';
const ROUNDS = 5;

/** containerd's own, and the one that has it mount with plyfs. */
const SNAPSHOTTERS = ['overlayfs', 'plyfs'] as const;
type Snapshotter = (typeof SNAPSHOTTERS)[number];

describe.skipIf(unavailable !== null)(`containerd ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let store: ContainerStore;
  let daemon: ContainerdDaemon;
  let snapshots: ProxySnapshotter;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    store = new ContainerStore(machine, 'kernel');
    importBaseImage(store);
    store.podman('build', '--network=host', '--tag=six', writeSixLayers(store.dir));
    daemon = new ContainerdDaemon(machine);
    const documented = documentedBlock('containerd', 'toml');
    const [, socket = ''] = /^address = "(\S+)"$/m.exec(documented) ?? [];
    snapshots = daemon.addSnapshotter('plyfs', 'plyfs', { config: documented, socket: machine.path(socket) });
    daemon.addSnapshotter('absolute', PLYFS);
    await daemon.start();
    const archive = saveImage(store, 'six');
    for (const snapshotter of SNAPSHOTTERS) {
      await daemon.ctr('images', 'import', '--snapshotter', snapshotter, archive);
    }
  });
  afterAll(async () => {
    try {
      await daemon?.dispose();
      store?.dispose();
    } finally {
      await machine?.end();
    }
  });

  /** Does something with both, and gives what came of it. */
  async function onBoth<T>(work: (snapshotter: Snapshotter) => Promise<T>): Promise<Record<Snapshotter, T>> {
    return { overlayfs: await work('overlayfs'), plyfs: await work('plyfs') };
  }

  function runOnce(snapshotter: string, image: string, script: string, ...options: readonly string[]): Promise<string> {
    return daemon.ctr('run', '--rm', '--snapshotter', snapshotter, ...options, image, 'once', 'sh', '-ec', script);
  }

  /** A container that waits, called as its snapshotter. */
  async function start(snapshotter: Snapshotter): Promise<void> {
    const wait = ['tail', '-f', '/dev/null'];
    await daemon.ctr('run', '--detach', '--snapshotter', snapshotter, IMAGE, snapshotter, ...wait);
  }

  let executions = 0;
  function exec(container: string, script: string): Promise<string> {
    executions += 1;
    return daemon.ctr('tasks', 'exec', '--exec-id', `exec-${executions}`, container, 'sh', '-ec', script);
  }

  /** Ends the program of a container. */
  async function end(container: string): Promise<void> {
    await daemon.ctr('tasks', 'kill', '--signal', 'KILL', container);
    // The status is that of a killed program.
    const deleted = async (): Promise<boolean> => /not found/.test((await daemon.try('tasks', 'rm', container)).stderr);
    while (!(await deleted()));
  }

  it('unpacks an image through mounts of plyfs; a container finds itself on one, and the same tree', async () => {
    expect(await runOnce('plyfs', IMAGE, 'grep " / " /proc/mounts')).toMatch(/^overlay \/ fuse\.plyfs rw,/);
    const trees = await onBoth(async (snapshotter) => parseTree(await runOnce(snapshotter, IMAGE, TREE_SCRIPT)));
    expect(differences(trees.overlayfs, trees.plyfs)).toEqual([]);
  });

  it('a container changes its tree; ended and started again it has what it left', async () => {
    const trees = await onBoth(async (snapshotter) => {
      await start(snapshotter);
      await exec(snapshotter, CHANGES);
      const changed = parseTree(await exec(snapshotter, TREE_SCRIPT));
      await end(snapshotter);
      await daemon.ctr('tasks', 'start', '--detach', snapshotter);
      return [...changed, ...parseTree(await exec(snapshotter, TREE_SCRIPT))];
    });
    expect(differences(trees.overlayfs, trees.plyfs)).toEqual([]);
  });

  it('the diff of a container is the same layer', async () => {
    const layers = await onBoth(async (snapshotter) => {
      const layer = await daemon.ctr('snapshots', '--snapshotter', snapshotter, 'diff', snapshotter);
      return tarListing(gunzipSync(Buffer.from(layer, 'latin1')));
    });
    expect(differences(layers.overlayfs, layers.plyfs)).toEqual([]);
    expect(layers.plyfs.join('\n')).toContain('.wh.');
  });

  it('a snapshot is committed, and nothing differs from it in one that is made of it', async () => {
    const ctr = (...args: readonly string[]): Promise<string> =>
      daemon.ctr('snapshots', '--snapshotter', 'plyfs', ...args);
    await end('plyfs');
    await ctr('commit', 'committed', 'plyfs');
    await ctr('prepare', 'child', 'committed');
    expect(tarListing(gunzipSync(Buffer.from(await ctr('diff', 'child'), 'latin1')))).toEqual([]);
    await ctr('rm', 'child');
    await ctr('rm', 'committed');
    await daemon.ctr('containers', 'rm', 'plyfs');
    await end('overlayfs');
    await daemon.ctr('containers', 'rm', 'overlayfs');
  });

  it('the program by absolute path, and ids of a user namespace', async () => {
    await daemon.ctr('images', 'import', '--snapshotter', 'absolute', saveImage(store, 'localhost/base'));
    const maps = ['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536', '--remap-labels'];
    const script = 'id -u; touch /etc/new; stat -c %u:%g /etc/passwd /etc/new; echo $(cat /proc/self/uid_map)';
    const said = await runOnce('absolute', BASE, script, ...maps);
    expect(said).toBe('0\n0:0\n0:0\n0 100000 65536\n');
  });

  it('containers in a row leave no mount and no process', async () => {
    for (let i = 0; i < ROUNDS; i++) await runOnce('plyfs', IMAGE, 'echo x > /data/new; rm -r /data/keep');
    expect(daemon.mounts()).toEqual([]);
    await waitFor(() => daemon.processes().length === 0, 'servers and shims to end');
  });

  it('what belongs to no image any more is collected', async () => {
    expect(snapshots.size).toBeGreaterThan(0);
    await daemon.ctr('images', 'rm', '--sync', IMAGE, BASE);
    expect(snapshots.size).toBe(0);
    expect(readdirSync(daemon.at('snapshots-plyfs'))).toEqual([]);
    expect(daemon.mounts()).toEqual([]);
  });
});
