import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PLYFS } from '../../harness/mounts.js';
import { run } from './command.js';
import type { DebianLayers } from './debian-layers.js';

/**
 * The programs that serve the union. The kernel is the oracle: a script that fails there is a wrong script.
 */
export const SERVERS = ['kernel', 'plyfs', 'plyfs aufs'] as const;
export type Server = (typeof SERVERS)[number];

const WORK = new URL('./work/', import.meta.url);

/** The layers below a new upper. The caller must call `remove` at the end, which unmounts. */
export class RootMount {
  private constructor(
    private readonly directory: string,
    private readonly layers: DebianLayers,
  ) {}

  static async create(layers: DebianLayers): Promise<RootMount> {
    const mount = new RootMount(await mkdtemp(join(tmpdir(), 'plyfs-realwork-')), layers);
    for (const name of ['upper', 'work', 'history', 'merged']) await mkdir(join(mount.directory, name));
    return mount;
  }

  get merged(): string {
    return join(this.directory, 'merged');
  }

  async mount(server: Server): Promise<void> {
    const { directory, merged } = this;
    const lowers = this.layers.lowers.join(':');
    const options = `lowerdir=${lowers},upperdir=${join(directory, 'upper')},workdir=${join(directory, 'work')}`;
    if (server === 'plyfs aufs') await run(PLYFS, [...(await this.aufsArguments()), merged]);
    else if (server === 'kernel') await run('mount', ['-t', 'overlay', 'overlay', '-o', options, merged]);
    else await run(PLYFS, ['-o', `${options},dev,suid`, merged]);
  }

  /**
   * Returns the arguments for aufs branches. The layers have overlay whiteouts; a further branch above them
   * has aufs whiteouts for the same names.
   */
  private async aufsArguments(): Promise<string[]> {
    const history = join(this.directory, 'history');
    await mkdir(join(history, 'etc'), { recursive: true });
    await writeFile(join(history, 'etc', '.wh.deleted'), '');
    const branches = [history, ...this.layers.lowers].map((path) => `${path}=ro+wh`);
    return ['-t', 'aufs', '-o', `br:${join(this.directory, 'upper')}=rw:${branches.join(':')},dev,suid`];
  }

  async unmount(): Promise<void> {
    await run('umount', [this.merged]);
  }

  /** Runs a script of work/ inside the mounted root and returns its output. */
  async work(piece: string): Promise<string> {
    const script = await readFile(new URL(`${piece}.sh`, WORK), 'utf8');
    const env = {
      PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
      HOME: '/root',
      LC_ALL: 'C',
      DEBIAN_FRONTEND: 'noninteractive',
    };
    return run('chroot', [this.merged, '/bin/sh', '-euc', script], { env });
  }

  async remove(): Promise<void> {
    if (await this.isMounted()) await run('umount', ['--lazy', this.merged]);
    await rm(this.directory, { recursive: true, force: true });
  }

  private async isMounted(): Promise<boolean> {
    const mounts = await readFile('/proc/self/mountinfo', 'utf8');
    return mounts.split('\n').some((line) => line.split(' ')[4] === this.merged);
  }
}
