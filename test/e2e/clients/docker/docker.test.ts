/**
 * Usual operations of docker have the same trees and outputs on the storage driver that plyfs serves and on
 * the kernel's.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { waitFor } from '../../../harness/mounts.js';
import { BASE_IMAGE, makeBaseTar } from '../shared/base-image.js';
import { clientsUnavailable, TRIES_ALL } from '../shared/drivers.js';
import { writeLayeredImage } from '../shared/layered-image.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { tarListing } from '../shared/tar-listing.js';
import { parseTree, TREE_SCRIPT } from '../shared/tree-manifest.js';
import { DockerDaemon } from './docker-daemon.js';

const unavailable = clientsUnavailable('dockerd', 'docker', 'containerd', 'runc');
/** By default, the podman test runs twenty. */
const ROUNDS = TRIES_ALL ? 20 : 6;

/** A step of the image that makes a hard link to a lower file. */
const LINK = 'ln lower lower-third';

/** Changes that a container makes to its image's tree. */
const CHANGES = `
  set -e
  echo new > /data/new; echo more >> /data/keep/one; rm /data/keep/two
  rm -r /data/renamed; mkdir -p /data/renamed/other; touch /data/renamed/other/file
  ln /data/links/a /data/links/again; ln -s new /data/to-new; mkfifo /data/pipe
  chown 21:22 /data/owned/g; chmod 2755 /data/owned; mv /data/big/zeros /data/big/moved; mv /data/attributes /data/renamed
  touch -d '2002-02-02 02:02:02' /data/links/a`;

describe.skipIf(unavailable !== null)(`docker ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let kernel: DockerDaemon;
  let plyfs: DockerDaemon;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    kernel = new DockerDaemon(machine, 'kernel');
    plyfs = new DockerDaemon(machine, 'plyfs');
    await kernel.start();
    await plyfs.start();
    const tar = makeBaseTar(kernel.dir);
    for (const daemon of [kernel, plyfs]) daemon.docker('import', tar, BASE_IMAGE);
    const context = writeLayeredImage(kernel.dir);
    leaveOutLink(context);
    onBoth((daemon) =>
      daemon.docker('build', '--network=none', '--file', join(context, 'Containerfile'), '--tag=layered', context),
    );
  });
  afterAll(async () => {
    try {
      await plyfs?.dispose();
      await kernel?.dispose();
    } finally {
      await machine?.end();
    }
  });

  afterEach(() => {
    onBoth((daemon) => daemon.removeContainers());
  });

  /** Does the same on both daemons, and returns both results. */
  function onBoth<T>(work: (daemon: DockerDaemon) => T): { kernel: T; plyfs: T } {
    return { kernel: work(kernel), plyfs: work(plyfs) };
  }

  /** Returns the lines of an output whose order is not defined. */
  function lines(answer: string): string[] {
    return answer.split('\n').filter(Boolean).sort();
  }

  function treeOf(daemon: DockerDaemon, image: string): string[] {
    return parseTree(daemon.docker('run', '--rm', '--network=none', image, 'sh', '-ec', TREE_SCRIPT));
  }

  function expectSameTree(image: string): void {
    const trees = onBoth((daemon) => treeOf(daemon, image));
    expect(lineDifferences(trees.kernel, trees.plyfs)).toEqual([]);
  }

  /** Starts a container that waits until it is killed. */
  function startContainer(daemon: DockerDaemon, name: string, ...options: readonly string[]): void {
    const wait = ['tail', '-f', '/dev/null'];
    daemon.docker(
      'run',
      '--detach',
      '--network=none',
      '--stop-signal=KILL',
      '--name',
      name,
      ...options,
      'layered',
      ...wait,
    );
  }

  it('shows the driver, and plyfs in /proc/mounts', () => {
    expect(plyfs.docker('info', '--format', '{{.Driver}}').trim()).toBe('fuse-overlayfs');
    expect(plyfs.docker('run', '--rm', '--network=none', 'layered', 'sh', '-c', 'grep " / " /proc/mounts')).toMatch(
      /^plyfs \/ fuse\.plyfs rw,/,
    );
  });

  describe('images', () => {
    it('are built of layers that delete, replace, rename and link objects of lower ones', () => {
      expectSameTree('layered');
    });

    it.skipIf(!TRIES_ALL)('are built with COPY --chown, ADD of an archive and cached steps', () => {
      const context = kernel.at('context');
      mkdirSync(join(context, 'tree/sub'), { recursive: true });
      writeFileSync(join(context, 'tree/sub/file'), 'file');
      writeFileSync(
        join(context, 'Dockerfile'),
        [
          'FROM layered',
          'COPY --chown=7:user tree /data/gone/',
          'ADD added.tar /data/added/',
          'USER user',
          'RUN id -u > /data/keep/id && ln -s /data/gone /data/keep/link',
          'USER root',
          'COPY tree /data/keep/link/through',
        ].join('\n'),
      );
      machine.run(['tar', '-C', join(context, 'tree'), '-cf', join(context, 'added.tar'), '.']);
      onBoth((daemon) => daemon.docker('build', '--network=none', '--tag=copies', context));
      expectSameTree('copies');
      const again = plyfs.docker('build', '--network=none', '--tag=copies', context);
      expect(again.match(/Using cache/g)).toHaveLength(6);
    });

    it('are the same when one daemon saves and the other loads them', () => {
      const archive = kernel.at('layered.tar');
      plyfs.docker('tag', 'layered', 'from-plyfs');
      plyfs.docker('save', '--output', archive, 'from-plyfs');
      kernel.docker('load', '--input', archive);
      expect(lineDifferences(treeOf(kernel, 'layered'), treeOf(kernel, 'from-plyfs'))).toEqual([]);
      kernel.docker('tag', 'layered', 'from-kernel');
      kernel.docker('save', '--output', archive, 'from-kernel');
      plyfs.docker('load', '--input', archive);
      expect(lineDifferences(treeOf(kernel, 'layered'), treeOf(plyfs, 'from-kernel'))).toEqual([]);
    });
  });

  describe('a container', () => {
    it('has the same results of run, exec, diff, export and commit', () => {
      onBoth((daemon) => startContainer(daemon, 'changed'));
      onBoth((daemon) => daemon.docker('exec', 'changed', 'sh', '-c', CHANGES));
      const changes = onBoth((daemon) => lines(daemon.docker('diff', 'changed')));
      expect(changes.plyfs).toEqual(changes.kernel);
      const exported = onBoth((daemon) => {
        daemon.docker('export', '--output', daemon.at('exported.tar'), 'changed');
        return tarListing(daemon.at('exported.tar'));
      });
      expect(lineDifferences(exported.kernel, exported.plyfs)).toEqual([]);
      onBoth((daemon) => daemon.docker('commit', 'changed', 'committed'));
      expectSameTree('committed');
    });

    it('keeps its data when it is stopped and started again', () => {
      onBoth((daemon) => startContainer(daemon, 'stopped'));
      const count = 'echo . >> /data/keep/one; wc -l < /data/keep/one';
      for (let round = 0; round < 2; round++) {
        const counts = onBoth((daemon) => daemon.docker('exec', 'stopped', 'sh', '-c', count));
        expect(counts.plyfs).toBe(counts.kernel);
        onBoth((daemon) => daemon.docker('stop', 'stopped'));
        onBoth((daemon) => daemon.docker('start', 'stopped'));
      }
    });

    it('can be copied into and out of, running and stopped', () => {
      onBoth((daemon) => startContainer(daemon, 'copied'));
      for (const state of ['running', 'stopped']) {
        const trees = onBoth((daemon) => {
          if (state === 'stopped') daemon.docker('stop', 'copied');
          const tree = daemon.at(`in-${state}`);
          mkdirSync(join(tree, 'sub'), { recursive: true });
          writeFileSync(join(tree, 'sub/file'), `copied in while ${state}`);
          daemon.docker('cp', tree, 'copied:/data/keep/');
          daemon.docker('cp', join(tree, 'sub/file'), 'copied:/data/keep/one');
          daemon.docker('cp', join(tree, 'sub/file'), 'copied:/opt/tool/through-a-link');
          return tarListing(Buffer.from(daemon.docker('cp', 'copied:/data', '-'), 'latin1'));
        });
        expect(lineDifferences(trees.kernel, trees.plyfs)).toEqual([]);
        expect(plyfs.docker('cp', 'copied:/data/keep/one', '-')).toContain(`copied in while ${state}`);
      }
      plyfs.docker('start', 'copied');
      expect(plyfs.docker('exec', 'copied', 'cat', '/opt/tool-1.0/through-a-link')).toBe('copied in while stopped');
    });

    it('can be read-only with a volume and a tmpfs', () => {
      const attempt = 'echo 1 > /data/x; echo 2 > /volume/x; echo 3 > /memory/x; cat /volume/x /memory/x';
      const options = ['--rm', '--network=none', '--read-only', '--volume=/volume', '--tmpfs=/memory'];
      const outcomes = onBoth((daemon) => daemon.try('run', ...options, 'layered', 'sh', '-c', attempt));
      expect(outcomes.plyfs).toEqual(outcomes.kernel);
      expect(outcomes.plyfs.stderr).toContain('Read-only file system');
    });

    it("has a new volume with the image's files at its mountpoint", () => {
      const show = ['--rm', '--network=none', '--volume=/data/owned', 'layered', 'ls', '-lanR', '/data/owned'];
      const listed = onBoth((daemon) => daemon.docker('run', ...show).replace(/ +[A-Z]\S+ +\d+ \d+:\d+/g, ''));
      expect(listed.plyfs).toBe(listed.kernel);
    });

    it('does not see the changes of another container of its image', () => {
      for (const name of ['one', 'two']) startContainer(plyfs, name);
      const script = (name: string): string =>
        `echo ${name} > /data/keep/one; rm -r /data/renamed; mkdir /data/renamed; touch /data/renamed/${name}`;
      for (const name of ['one', 'two']) plyfs.docker('exec', name, 'sh', '-c', script(name));
      for (const name of ['one', 'two']) {
        expect(plyfs.docker('exec', name, 'sh', '-c', 'cat /data/keep/one; ls /data/renamed')).toBe(
          `${name}\n${name}\n`,
        );
      }
    });
  });

  it(`leaves no process, mount or open file after ${ROUNDS} containers in a row`, async () => {
    const use = (i: number): void => {
      const script = 'echo x > /data/new; rm -r /data/keep; cat /data/big/zeros > /dev/null';
      plyfs.docker('run', '--rm', '--network=none', '--name', `row-${i}`, 'layered', 'sh', '-c', script);
    };
    use(0);
    const open = (): number => plyfs.layerDescriptors().length;
    await waitFor(
      () => plyfs.mounts().length === 0 && plyfs.processes().length === 0,
      'the first container to be removed',
    );
    const before = open();
    for (let i = 1; i <= ROUNDS; i++) use(i);
    expect(plyfs.mounts()).toEqual([]);
    await waitFor(() => plyfs.processes().length === 0, 'servers and shims to end');
    await waitFor(() => open() <= before, `at most ${before} open files in layers`);
  });

  it('leaves nothing after rm, rmi and prune, as with the kernel', async () => {
    onBoth((daemon) => {
      startContainer(daemon, 'last');
      daemon.docker('stop', 'last');
      daemon.docker('system', 'prune', '--force');
      expect(daemon.docker('ps', '--all', '--quiet')).toBe('');
      daemon.docker('system', 'prune', '--force', '--all', '--volumes');
      expect(daemon.docker('images', '--all', '--quiet')).toBe('');
    });
    expect(readdirSync(plyfs.layers)).toEqual(['l']);
    expect(readdirSync(join(plyfs.layers, 'l'))).toEqual([]);
    expect(plyfs.mounts()).toEqual([]);
    await waitFor(() => plyfs.processes().length === 0, 'servers to end');
  });
});

/**
 * Removes a step from the image. To find the changes of a step, docker compares two trees, unless the driver
 * is overlay2. The comparison does not find a new link to an unchanged file (moby:
 * pkg/archive/changes_linux.go), with plyfs as with fuse-overlayfs.
 */
function leaveOutLink(context: string): void {
  const files = readdirSync(context).map((name) => join(context, name));
  const file = files.find((path) => readFileSync(path, 'utf8').includes(LINK));
  if (file === undefined) throw new Error(`no step contains '${LINK}'`);
  writeFileSync(file, readFileSync(file, 'utf8').replace(LINK, 'true'));
}
