/**
 * Operations of users on containers and images. The result of an operation contains all its visible effects,
 * and must be the same on every driver.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CHANGES, TREE } from '../shared/container-changes.js';
import type { ContainerStore } from '../shared/container-store.js';
import { TRIES_ALL } from '../shared/drivers.js';
import { saveImage } from '../shared/saved-image.js';
import { tarListing } from '../shared/tar-listing.js';
import { containerManifest, imageManifest, mountManifest } from '../shared/tree-manifest.js';

export interface Scene {
  readonly store: ContainerStore;
  readonly image: string;
  /** Options of each container, such as `--uidmap`. */
  readonly options: readonly string[];
}

type Operation = (scene: Scene) => readonly string[];

/** Starts a container that waits, runs `use`, and removes the container. */
function withContainer(
  { store, image, options }: Scene,
  use: (name: string) => readonly string[],
  more: readonly string[] = [],
): readonly string[] {
  const name = 'subject';
  store.podman('run', '--detach', `--name=${name}`, ...options, ...more, image, 'sleep', 'infinity');
  try {
    return use(name);
  } finally {
    store.removeContainer(name);
  }
}

function exec(store: ContainerStore, name: string, script: string): string {
  return store.podman('exec', name, 'sh', '-ec', script);
}

/** Returns the status and the output of a command that can fail. */
function outcomeOf({ store }: Scene, ...command: readonly [string, ...string[]]): string[] {
  const { status, stdout, stderr } = store.try(command);
  return [`status ${status}`, ...stdout.split('\n'), ...stderr.split('\n')];
}

/**
 * The number of {@link OPERATIONS} to try where another test tries them all. They begin with the ones that
 * test most.
 */
export const SOME = TRIES_ALL ? Number.POSITIVE_INFINITY : 4;

export const OPERATIONS: readonly (readonly [string, Operation])[] = [
  [
    "keeps a container's changes when it is stopped and started again",
    (scene) =>
      withContainer(scene, (name) => {
        const { store } = scene;
        exec(store, name, CHANGES);
        const changed = containerManifest(store, name);
        store.podman('stop', '--time=0', name);
        store.podman('start', name);
        const again = containerManifest(store, name);
        exec(store, name, 'echo later > /data/later; rm -r /data/new; mv /data/keep/three /data');
        store.podman('restart', '--time=0', name);
        return [...changed, ...again, ...containerManifest(store, name)];
      }),
  ],
  [
    "fills a new volume with the image's files at its mountpoint",
    ({ store, image, options }) => {
      const script = 'rm /data/keep/one; cd /data/keep; ls -A; find . -exec stat -c "%n %F %a %u:%g" {} +';
      const output = store.podman('run', '--rm', ...options, '--volume=filled:/data/keep', image, 'sh', '-ec', script);
      store.podman('volume', 'rm', 'filled');
      return [...output.split('\n').sort(), store.podman('run', '--rm', ...options, image, 'ls', '/data/keep')];
    },
  ],
  [
    'runs a program as the requested user, with the rights of that user',
    ({ store, image, options }) => {
      const script =
        'id; cat /data/owned/g; echo x >> /data/keep/one; echo mine > /data/keep/mine; rm /data/keep/two; ls -ln /data/keep/mine';
      const output = store.podman(
        'run',
        '--rm',
        ...options,
        '--user=1000:1000',
        image,
        'sh',
        '-c',
        `( ${script} ) 2>&1`,
      );
      return output.split('\n').map((line) => line.replace(/\w{3} +\d+ [\d:]+/, 'DATE'));
    },
  ],
  [
    'separates two containers of one image that run at once',
    (scene) =>
      withContainer(scene, (first) => {
        const { store, image, options } = scene;
        exec(store, first, 'echo first > /data/keep/one; rm -r /data/kinds');
        const second = store.podman('run', '--rm', ...options, image, 'sh', '-c', 'cat /data/keep/one; ls /data/kinds');
        return [second, exec(store, first, 'cat /data/keep/one; ls /data')];
      }),
  ],
  [
    'copies files into and out of a running and a stopped container',
    (scene) =>
      withContainer(scene, (name) => {
        const { store } = scene;
        const results: string[] = [];
        store.try(['sh', '-ec', `cd "$TMPDIR"; rm -rf running stopped zeros; ${TREE}`]);
        for (const state of ['running', 'stopped']) {
          store.podman('cp', store.at('tmp/tree'), `${name}:/data/${state}`);
          store.podman('cp', store.at('tmp/tree/one'), `${name}:/data/keep/two`);
          store.podman('cp', `${name}:/data/links`, store.at(`tmp/${state}`));
          store.podman('cp', `${name}:/data/big/zeros`, store.at('tmp/zeros'));
          results.push(...readdirSync(store.at(`tmp/${state}`)).sort());
          results.push(`${readFileSync(store.at('tmp/zeros')).length}`);
          if (state === 'running') store.podman('stop', '--time=0', name);
        }
        results.push(...outcomeOf(scene, 'podman', 'cp', `${name}:/data/none`, store.at('tmp/none')));
        store.podman('start', name);
        return [...results, ...containerManifest(store, name)];
      }),
  ],
  [
    'exports the tree of a container as a tar file',
    (scene) =>
      withContainer(scene, (name) => {
        exec(scene.store, name, CHANGES);
        const file = scene.store.at('exported.tar');
        scene.store.podman('export', '--output', file, name);
        return tarListing(file).filter(
          (line) => !/^(run|proc|sys|dev|etc\/(hosts|hostname|resolv.conf|mtab))\b/.test(line),
        );
      }),
  ],
  [
    'saves an image, removes it, and loads the same image again',
    ({ store, image, options }) => {
      store.podman('tag', image, 'localhost/travels');
      const file = saveImage(store, 'localhost/travels');
      store.podman('untag', 'localhost/travels', 'localhost/travels');
      store.podman('load', '--input', file);
      const tree = imageManifest(store, 'localhost/travels', ...options);
      store.podman('rmi', 'localhost/travels');
      return tree;
    },
  ],
  [
    'lets a read-only container write to its volumes and to memory only',
    ({ store, image, options }) => {
      const script = 'for place in /data /volume /memory; do echo x > $place/x && cat $place/x; done; ls /volume; true';
      const mounts = ['--read-only', '--volume=kept:/volume', '--tmpfs=/memory'];
      const output = store.podman('run', '--rm', ...options, ...mounts, image, 'sh', '-c', `( ${script} ) 2>&1`);
      const again = store.podman('run', '--rm', ...options, '--volume=kept:/data/keep', image, 'cat', '/data/keep/x');
      store.podman('volume', 'rm', 'kept');
      return [output, again];
    },
  ],
  [
    'keeps an ended container, which can be read and removed',
    ({ store, image, options }) => {
      store.podman('run', '--name=stays', ...options, image, 'sh', '-c', 'echo left > /data/left');
      const listed = store.podman('ps', '--all', '--format={{.Names}} {{.Image}}');
      store.podman('cp', 'stays:/data/left', store.at('left'));
      store.removeContainer('stays');
      return [listed, readFileSync(store.at('left'), 'utf8'), store.podman('ps', '--all', '--quiet')];
    },
  ],
];

/**
 * podman 4.3 diffs and commits a running container with an owner mapping by the owners that the host sees.
 * These operations therefore run without a mapping.
 */
export const UNMAPPED: readonly (readonly [string, Operation])[] = [
  [
    'lists changes in diff, and commits them as an image',
    (scene) =>
      withContainer(scene, (name) => {
        const { store } = scene;
        exec(store, name, CHANGES);
        const diff = store.podman('diff', name).split('\n').sort();
        store.podman('commit', '--quiet', name, 'committed');
        const tree = imageManifest(store, 'committed', ...scene.options);
        store.podman('rmi', 'committed');
        return [...diff, ...tree];
      }),
  ],
];

/**
 * Operations that need the engine's mounts in the namespace of the test. The mounts of root's engine are
 * there; those of a user's engine are in a namespace of the user.
 */
export const MOUNTS: readonly (readonly [string, Operation])[] = [
  [
    'mounts an image read-only',
    (scene) => {
      const { store, image } = scene;
      const at = store.podman('image', 'mount', image).trim();
      const tree = mountManifest(store, at);
      const refused = store.try(['touch', join(at, 'data/keep/one')]).stderr.replace(at, '');
      store.podman('image', 'umount', image);
      return [...tree, refused, ...store.mounts()];
    },
  ],
  [
    'mounts a stopped container, which later finds the files written there',
    ({ store, image, options }) => {
      store.podman('create', '--name=mounted', ...options, image, 'sh', '-c', 'cat /data/keep/one /data/from-outside');
      const at = store.podman('mount', 'mounted').trim();
      store.try([
        'sh',
        '-ec',
        'cd "$1/data"; echo outside > from-outside; echo more >> keep/one; rm -r kinds',
        'sh',
        at,
      ]);
      const tree = mountManifest(store, at);
      const output = store.podman('start', '--attach', 'mounted');
      store.podman('umount', 'mounted');
      store.removeContainer('mounted');
      return [...tree, output, ...store.mounts()];
    },
  ],
];
