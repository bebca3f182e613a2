/** A tar file of a Debian root file system in which apt works, made of the layers of test/e2e/realwork. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { debianLayers, debianLayersUnavailable, debianMirrorUnavailable } from '../../realwork/debian-layers.js';
import type { PrivateMachine } from './private-machine.js';

/** Half of all files. No package needs them to be installed. */
const LEFT_OUT = ['srv', 'var/cache', 'usr/include', 'usr/lib/gcc', 'usr/lib/git-core']
  .concat(['doc', 'locale', 'man', 'zoneinfo'].map((name) => `usr/share/${name}`))
  .map((path) => `--exclude=./${path}/*`);

/** Why no Debian package can be installed here, or null. */
export async function debianUnavailable(): Promise<string | null> {
  return (await debianLayersUnavailable()) ?? (await debianMirrorUnavailable());
}

/** Writes the tar file below `dir`, for `podman import` and `docker import`, and returns its path. */
export async function makeDebianTar(machine: PrivateMachine, dir: string): Promise<string> {
  const { lowers } = await debianLayers();
  const [merged, tar] = [join(dir, 'debian'), join(dir, 'debian.tar')];
  mkdirSync(merged);
  const script = `
    mount -t overlay overlay -o "ro,lowerdir=$1" "$2"
    trap 'umount "$2"' EXIT
    tar -C "$2" --xattrs --numeric-owner ${LEFT_OUT.join(' ')} -cf "$3" .`;
  const { status, stderr } = machine.run(['sh', '-euc', script, 'sh', lowers.join(':'), merged, tar]);
  if (status !== 0) throw new Error(`${tar}: ${stderr}`);
  return tar;
}
