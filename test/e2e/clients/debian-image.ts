/** A Debian in which apt works, as an image; made of the layers that the real work is done on. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DebianLayers } from '../realwork/debian-layers.js';
import type { ContainerStore } from './container-store.js';
import type { PrivateMachine } from './private-machine.js';

export const DEBIAN = 'localhost/debian';

/** What takes most of the room and is not used: half of all. */
const LEFT_OUT = ['var/cache/apt/archives', 'srv', 'usr/lib/gcc', 'usr/lib/git-core', 'usr/include']
  .concat(['doc', 'locale', 'man', 'perl'].map((name) => `usr/share/${name}`))
  .map((path) => `--exclude=./${path}/*`);

/** Gives the file that {@link importDebian} takes. */
export function makeDebianTar(machine: PrivateMachine, { lowers }: DebianLayers, dir: string): string {
  const [merged, tar] = [join(dir, 'merged'), join(dir, 'debian.tar')];
  const script =
    'mount -t overlay overlay -o "ro,lowerdir=$1" "$2"; cd "$2"; shift 2; tar "$@" .; cd /; umount "$OLDPWD"';
  const command = ['-cf', tar, '--numeric-owner', ...LEFT_OUT];
  mkdirSync(merged);
  const { status, stderr } = machine.run(['sh', '-ec', script, 'sh', lowers.join(':'), merged, ...command]);
  if (status !== 0) throw new Error(`${tar}: ${stderr}`);
  return tar;
}

export function importDebian(store: ContainerStore, tar: string): void {
  store.podman('import', tar, DEBIAN);
}
