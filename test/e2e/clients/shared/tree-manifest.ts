/** The facts of a tree that a program in a container can see, for comparison between drivers. */
import type { ContainerStore } from './container-store.js';
import { recent } from './tar-listing.js';

/** Paths that podman makes anew for each container. */
const ENGINES = [
  './etc/hosts',
  './etc/hostname',
  './etc/resolv.conf',
  './etc/mtab',
  './run',
  './dev',
  './proc',
  './sys',
];

/**
 * Prints a line for each object (kind, mode, owners, links, size, time, target), then contents and extended
 * attributes. The link count of a directory depends on the layers and is removed later. Programs have full
 * paths, because the shell prefers its builtin ones of the same name.
 */
export const TREE_SCRIPT = `
  cd /
  export LC_ALL=C
  skip="( ${ENGINES.map((path) => `-path ${path}`).join(' -o ')} ) -prune -o"
  set -f
  /bin/find . -xdev $skip -printf '%y %m %U:%G %n %s %Ts %p -> %l\\0'
  /bin/find . -xdev $skip -type f -print0 | /bin/sort -z | /bin/xargs -0 sha256sum -z
  /bin/find . -xdev $skip -print0 | /bin/sort -z | /bin/xargs -0 getfattr -h -d -m - -e hex | tr '\\n' '\\0'`;

/** Returns the tree of a new container of an image. */
export function imageManifest(store: ContainerStore, image: string, ...options: readonly string[]): string[] {
  return parseTree(store.podman('run', '--rm', ...options, image, 'sh', '-ec', TREE_SCRIPT));
}

/** Returns the tree of a running container. */
export function containerManifest(store: ContainerStore, container: string): string[] {
  return parseTree(store.podman('exec', container, 'sh', '-ec', TREE_SCRIPT));
}

/** Returns the tree that an engine has mounted, read by the machine's programs. */
export function mountManifest(store: ContainerStore, mountpoint: string): string[] {
  const { status, stdout, stderr } = store.try(['sh', '-ec', TREE_SCRIPT.replace('cd /', 'cd "$1"'), 'sh', mountpoint]);
  if (status !== 0) throw new Error(`${mountpoint}: ${stderr}`);
  return parseTree(stdout);
}

/** Returns the tree of an image that a user's engine mounts in a namespace of the user. */
export function unsharedManifest(store: ContainerStore, image: string): string[] {
  const script = `cd "$(podman image mount "$1")"; ${TREE_SCRIPT.replace('cd /', ':')}; cd /; podman image umount "$1" >/dev/null`;
  return parseTree(store.podman('unshare', 'sh', '-ec', script, 'sh', image));
}

/** Parses the output of {@link TREE_SCRIPT}, and returns it sorted. */
export function parseTree(output: string): string[] {
  return output
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => line.replace(STAT_LINE, comparableLine))
    .sort();
}

const STAT_LINE = /^([a-z]) (\d+) (\d+:\d+) (\d+) (\d+) (\d+) /;

function comparableLine(
  _: string,
  kind: string,
  mode: string,
  owners: string,
  links: string,
  size: string,
  time: string,
): string {
  const plain = kind === 'd' ? [] : [links, size];
  return [kind, mode, owners, ...plain, recent(Number(time)), ''].join(' ');
}
