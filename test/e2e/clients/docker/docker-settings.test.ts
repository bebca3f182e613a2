/** Settings of dockerd for the mount program and for mapped users, from docs/containers.md. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../../../harness/checkout.js';
import { BASE_IMAGE, makeBaseTar } from '../shared/base-image.js';
import { documentedBlock, documentedCommands } from '../shared/containers-document.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { DockerDaemon } from './docker-daemon.js';

const unavailable = clientsUnavailable('dockerd', 'docker', 'containerd', 'runc');

describe.skipIf(unavailable !== null)(`settings of dockerd ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let daemon: DockerDaemon | undefined;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
  });
  afterEach(async () => {
    await daemon?.dispose();
    daemon = undefined;
  });
  afterAll(() => machine?.end());

  function inMachine(script: string, ...args: readonly string[]): void {
    const { status, stderr } = machine.run(['sh', '-euc', script, 'sh', ...args]);
    if (status !== 0) throw new Error(`${script}: ${stderr}`);
  }

  it('work as docs/containers.md shows them', async () => {
    const [, path = ''] = /^Environment=PATH=(\S+)$/m.exec(documentedBlock('Docker', 'ini')) ?? [];
    daemon = new DockerDaemon(machine, 'plyfs', { config: documentedBlock('Docker', 'json'), path });
    // The commands write only inside this machine.
    inMachine('mkdir "$1/usr" "$1/work"', daemon.dir);
    inMachine(
      'mount -t overlay overlay -o "lowerdir=/usr/local,upperdir=$1/usr,workdir=$1/work" /usr/local',
      daemon.dir,
    );
    inMachine('rm -rf /usr/local/bin/plyfs /usr/local/lib/plyfs');
    try {
      inMachine(`cd "$1"; ${documentedCommands('')}`, CHECKOUT);
      inMachine(documentedCommands('Docker'));
      await daemon.start();
      daemon.docker('import', makeBaseTar(daemon.dir), BASE_IMAGE);
      const run = ['run', '--rm', '--network=none', BASE_IMAGE, 'grep', ' / ', '/proc/mounts'];
      expect(daemon.docker(...run)).toMatch(/^plyfs \/ fuse\.plyfs /);
    } finally {
      inMachine('umount /usr/local');
    }
  });

  it('map the owners of layers and containers with userns-remap', async () => {
    inMachine(`
      mkdir -p /run/users
      for file in passwd group subuid subgid; do cp "/etc/$file" /run/users; done
      echo 'dockremap:x:64321:64321::/:/bin/false' >> /run/users/passwd
      echo 'dockremap:x:64321:' >> /run/users/group
      for file in subuid subgid; do echo 'dockremap:500000:65536' >> "/run/users/$file"; done
      for file in passwd group subuid subgid; do mount --bind "/run/users/$file" "/etc/$file"; done`);
    const config = JSON.stringify({ 'storage-driver': 'fuse-overlayfs', 'userns-remap': 'dockremap' });
    daemon = new DockerDaemon(machine, 'plyfs', { config });
    await daemon.start();
    daemon.docker('import', makeBaseTar(daemon.dir), BASE_IMAGE);
    const script = 'mkdir -p /a/b; touch /a/b/c; chown 7:8 /a/b/c';
    daemon.docker('run', '--network=none', '--name=first', BASE_IMAGE, 'sh', '-c', script);
    daemon.docker('commit', 'first', 'changed');
    const show = 'rm -r /a/b/c; mkdir /a/b/c; cat /proc/self/uid_map; stat -c %u:%g /bin/sh /a /a/b/c';
    const output = daemon.docker('run', '--network=none', '--name=second', 'changed', 'sh', '-c', show);
    expect(output.trim().split(/\s+/)).toEqual(['0', '500000', '65536', '0:0', '0:0', '0:0']);
    const upper = daemon.docker('inspect', '--format', '{{.GraphDriver.Data.UpperDir}}', 'second').trim();
    expect(statSync(join(upper, 'a/b/c')).uid).toBe(500_000);
  });
});
