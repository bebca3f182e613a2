/**
 * containerd with snapshots that plyfs mounts as `fuse3.plyfs` has the same results as with its own overlayfs
 * snapshotter.
 */
import { readdirSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { PLYFS, waitFor } from '../../../harness/mounts.js';
import { importBaseImage } from '../shared/base-image.js';
import { CHANGES } from '../shared/container-changes.js';
import { ContainerStore } from '../shared/container-store.js';
import { documentedBlock } from '../shared/containers-document.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { writeLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { saveImage } from '../shared/saved-image.js';
import { tarListing } from '../shared/tar-listing.js';
import { parseTree, TREE_SCRIPT } from '../shared/tree-manifest.js';
import { ContainerdDaemon } from './containerd-daemon.js';
import type { ProxySnapshotter } from './proxy-snapshotter.js';

const unavailable = clientsUnavailable('containerd', 'ctr', 'runc', 'podman', 'mount.fuse3');
const IMAGE = 'localhost/layered:latest';
const BASE = 'localhost/base:latest';
const ROUNDS = 5;

/** containerd's own snapshotter, and the one that mounts with plyfs. */
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
    store.podman('build', '--network=host', '--tag=layered', writeLayeredImage(store.dir));
    daemon = new ContainerdDaemon(machine);
    const documented = documentedBlock('containerd', 'toml');
    const [, socket = ''] = /^address = "(\S+)"$/m.exec(documented) ?? [];
    snapshots = daemon.addSnapshotter('plyfs', 'plyfs', { config: documented, socket: machine.path(socket) });
    daemon.addSnapshotter('absolute', PLYFS);
    await daemon.start();
    const archive = saveImage(store, 'layered');
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

  /** Does the same with both snapshotters, and returns both results. */
  async function onBoth<T>(work: (snapshotter: Snapshotter) => Promise<T>): Promise<Record<Snapshotter, T>> {
    return { overlayfs: await work('overlayfs'), plyfs: await work('plyfs') };
  }

  function runOnce(snapshotter: string, image: string, script: string, ...options: readonly string[]): Promise<string> {
    return daemon.ctr('run', '--rm', '--snapshotter', snapshotter, ...options, image, 'once', 'sh', '-ec', script);
  }

  /** Starts a container that waits, with the name of its snapshotter. */
  async function start(snapshotter: Snapshotter): Promise<void> {
    const wait = ['tail', '-f', '/dev/null'];
    await daemon.ctr('run', '--detach', '--snapshotter', snapshotter, IMAGE, snapshotter, ...wait);
  }

  let executions = 0;
  function exec(container: string, script: string): Promise<string> {
    executions += 1;
    return daemon.ctr('tasks', 'exec', '--exec-id', `exec-${executions}`, container, 'sh', '-ec', script);
  }

  /** Kills the program of a container and deletes its task. */
  async function end(container: string): Promise<void> {
    await daemon.ctr('tasks', 'kill', '--signal', 'KILL', container);
    // `tasks rm` returns the status of the killed program, so compare its message.
    const deleted = async (): Promise<boolean> => /not found/.test((await daemon.try('tasks', 'rm', container)).stderr);
    while (!(await deleted()));
  }

  it('unpacks an image through mounts of plyfs, and shows a container the same tree on one', async () => {
    expect(await runOnce('plyfs', IMAGE, 'grep " / " /proc/mounts')).toMatch(/^overlay \/ fuse\.plyfs rw,/);
    const trees = await onBoth(async (snapshotter) => parseTree(await runOnce(snapshotter, IMAGE, TREE_SCRIPT)));
    expect(lineDifferences(trees.overlayfs, trees.plyfs)).toEqual([]);
  });

  it("keeps a container's changes when it is ended and started again", async () => {
    const trees = await onBoth(async (snapshotter) => {
      await start(snapshotter);
      await exec(snapshotter, CHANGES);
      const changed = parseTree(await exec(snapshotter, TREE_SCRIPT));
      await end(snapshotter);
      await daemon.ctr('tasks', 'start', '--detach', snapshotter);
      return [...changed, ...parseTree(await exec(snapshotter, TREE_SCRIPT))];
    });
    expect(lineDifferences(trees.overlayfs, trees.plyfs)).toEqual([]);
  });

  it('makes the same layer in the diff of a container', async () => {
    const layers = await onBoth(async (snapshotter) => {
      const layer = await daemon.ctr('snapshots', '--snapshotter', snapshotter, 'diff', snapshotter);
      return tarListing(gunzipSync(Buffer.from(layer, 'latin1')));
    });
    expect(lineDifferences(layers.overlayfs, layers.plyfs)).toEqual([]);
    expect(layers.plyfs.join('\n')).toContain('.wh.');
  });

  it('commits a snapshot, and makes an equal snapshot of it', async () => {
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

  it('accepts the program by absolute path, and maps ids of a user namespace', async () => {
    await daemon.ctr('images', 'import', '--snapshotter', 'absolute', saveImage(store, 'localhost/base'));
    const maps = ['--uidmap', '0:100000:65536', '--gidmap', '0:100000:65536', '--remap-labels'];
    const script = 'id -u; touch /etc/new; stat -c %u:%g /etc/passwd /etc/new; echo $(cat /proc/self/uid_map)';
    const output = await runOnce('absolute', BASE, script, ...maps);
    expect(output).toBe('0\n0:0\n0:0\n0 100000 65536\n');
  });

  it('leaves no mount and no process after several containers', async () => {
    for (let i = 0; i < ROUNDS; i++) await runOnce('plyfs', IMAGE, 'echo x > /data/new; rm -r /data/keep');
    expect(daemon.mounts()).toEqual([]);
    await waitFor(() => daemon.processes().length === 0, 'servers and shims to end');
  });

  it('collects snapshots that no image uses', async () => {
    expect(snapshots.size).toBeGreaterThan(0);
    await daemon.ctr('images', 'rm', '--sync', IMAGE, BASE);
    expect(snapshots.size).toBe(0);
    expect(readdirSync(daemon.at('snapshots-plyfs'))).toEqual([]);
    expect(daemon.mounts()).toEqual([]);
  });
});
