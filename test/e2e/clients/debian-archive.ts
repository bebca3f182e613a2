/** A Debian root file system as one tar file to import, without what no package needs to be installed. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { debianLayers, whyUnavailable } from '../realwork/debian-layers.js';
import type { PrivateMachine } from './private-machine.js';

const LEFT_OUT = [
  'usr/include',
  'usr/lib/gcc',
  'usr/lib/git-core',
  'usr/share/doc',
  'usr/share/locale',
  'usr/share/man',
  'usr/share/zoneinfo',
  'var/cache',
  'srv',
];

const MIRROR = 'http://deb.debian.org/debian/';

/** Why a package of Debian's cannot be installed here, or null. */
export async function debianUnavailable(): Promise<string | null> {
  try {
    await fetch(MIRROR, { method: 'HEAD', signal: AbortSignal.timeout(20_000) });
  } catch (error) {
    return `no network: ${MIRROR} does not answer (${String(error)})`;
  }
  return (await whyUnavailable()) ?? null;
}

/** Makes the file below `dir`, and gives its path. */
export async function makeDebianArchive(machine: PrivateMachine, dir: string): Promise<string> {
  const { lowers } = await debianLayers();
  const [merged, archive] = [join(dir, 'debian'), join(dir, 'debian.tar')];
  mkdirSync(merged);
  const script = `
    mount -t overlay overlay -o "lowerdir=$1" "$2"
    trap 'umount "$2"' EXIT
    tar -C "$2" ${LEFT_OUT.map((path) => `--exclude=./${path}/*`).join(' ')} --xattrs -cf "$3" .`;
  const done = machine.run(['sh', '-euc', script, 'sh', lowers.join(':'), merged, archive]);
  if (done.status !== 0) throw new Error(`tar: ${done.stderr}`);
  return archive;
}
