/** Docker containers whose daemon, server or program ends unexpectedly lose no data, and can be removed. */
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { waitFor } from '../../../harness/mounts.js';
import { BASE_IMAGE, makeBaseTar } from '../shared/base-image.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { DockerDaemon } from './docker-daemon.js';

const unavailable = clientsUnavailable('dockerd', 'docker', 'containerd', 'runc');

describe.skipIf(unavailable !== null)(`docker on plyfs ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let daemon: DockerDaemon;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    daemon = new DockerDaemon(machine, 'plyfs');
    await daemon.start();
    daemon.docker('import', makeBaseTar(daemon.dir), BASE_IMAGE);
  });
  afterEach(() => daemon.removeContainers());
  afterAll(async () => {
    try {
      await daemon?.dispose();
    } finally {
      await machine?.end();
    }
  });

  /** Starts a container that counts its starts in a file, and waits. */
  async function startCounting(name: string, ...options: readonly string[]): Promise<void> {
    const script = 'echo started >> /starts; exec tail -f /dev/null';
    const how = ['--detach', '--network=none', '--stop-signal=KILL', '--name', name];
    daemon.docker('run', ...how, ...options, BASE_IMAGE, 'sh', '-c', script);
    await waitFor(() => daemon.try('exec', name, 'test', '-s', '/starts').status === 0, 'the first start');
  }

  function starts(name: string): number {
    return daemon.docker('exec', name, 'cat', '/starts').trimEnd().split('\n').length;
  }

  function stateOf(name: string): string {
    return daemon.docker('inspect', '--format', '{{.State.Status}}', name).trim();
  }

  /** Kills the server of the only container's mount. */
  async function killServer(): Promise<void> {
    const [merged = ''] = daemon.mounts();
    const server = machine.processes().find(({ command }) => command.startsWith('plyfs /') && command.endsWith(merged));
    expect(server).toBeDefined();
    machine.run(['kill', '-KILL', String(server?.pid)]);
    // The command line of an ending process is empty before its connection is closed, so wait for the pid.
    await waitFor(() => !existsSync(machine.path(`/proc/${server?.pid}`)), 'the server to end');
  }

  async function untilNothingRuns(): Promise<void> {
    await waitFor(() => daemon.mounts().length === 0, 'unmounts');
    await waitFor(() => daemon.processes().length === 0, 'servers and shims to end');
  }

  describe('when the daemon', () => {
    it('is stopped, ends its containers, and finds them again with their data', async () => {
      await startCounting('kept');
      await startCounting('also-kept');
      await daemon.stop();
      expect(daemon.mounts()).toEqual([]);
      await waitFor(() => daemon.processes().length === 0, 'servers and shims to end');
      await daemon.start();
      expect(stateOf('kept')).toBe('exited');
      daemon.docker('start', 'kept', 'also-kept');
      await waitFor(() => starts('kept') === 2 && starts('also-kept') === 2, 'second starts');
    });

    it('is killed, can start and remove its container afterwards', async () => {
      await startCounting('survivor');
      await daemon.signal('KILL');
      await daemon.start();
      await waitFor(() => stateOf('survivor') === 'exited', 'the daemon to see the container ended');
      daemon.docker('start', 'survivor');
      await waitFor(() => starts('survivor') === 2, 'the second start');
      daemon.docker('rm', '--force', 'survivor');
      await untilNothingRuns();
    });

    it('starts, starts a container with --restart=always too', async () => {
      await startCounting('always', '--restart=always');
      await daemon.stop();
      await daemon.start();
      await waitFor(() => daemon.try('exec', 'always', 'true').status === 0, 'the container to run');
      expect(starts('always')).toBe(2);
    });
  });

  it('keeps a container running without the daemon with live-restore, and the daemon finds it again', async () => {
    const config = JSON.stringify({ 'storage-driver': 'fuse-overlayfs', 'live-restore': true });
    const live = new DockerDaemon(machine, 'plyfs', { config });
    try {
      await live.start();
      live.docker('import', makeBaseTar(live.dir), BASE_IMAGE);
      const script = 'while :; do echo beat >> /beats; sleep 0.1; done';
      live.docker(
        'run',
        '--detach',
        '--network=none',
        '--stop-signal=KILL',
        '--name=live',
        BASE_IMAGE,
        'sh',
        '-c',
        script,
      );
      const [merged = ''] = live.mounts();
      const beats = (): number => readFileSync(machine.path(join(merged, 'beats')), 'latin1').length;
      await waitFor(() => existsSync(machine.path(join(merged, 'beats'))), 'the container to write');
      await live.stop();
      const before = beats();
      await waitFor(() => beats() > before, 'the container to write without the daemon');
      await live.start();
      expect(live.docker('inspect', '--format', '{{.State.Status}}', 'live').trim()).toBe('running');
      live.docker('exec', 'live', 'sh', '-c', 'echo x > /etc/new');
      live.docker('restart', 'live');
      expect(live.docker('exec', 'live', 'cat', '/etc/new')).toBe('x\n');
      live.docker('rm', '--force', 'live');
      await waitFor(() => live.mounts().length === 0, 'unmounts');
      await waitFor(() => live.processes().length === 0, 'servers and shims to end');
    } finally {
      await live.dispose();
    }
  });

  describe('when the server of a running container is killed', () => {
    // A program of the container ends by SIGBUS when it touches a page that it has not read yet.
    it('fails calls on files, and can remove the container', async () => {
      await startCounting('orphan');
      await killServer();
      expect(daemon.try('exec', 'orphan', 'ls').status).not.toBe(0);
      daemon.docker('rm', '--force', 'orphan');
      await untilNothingRuns();
    });

    it('can start the container again with all written data', async () => {
      await startCounting('again');
      daemon.docker('exec', 'again', 'sh', '-c', 'echo precious > /etc/new');
      await killServer();
      daemon.docker('stop', 'again');
      daemon.docker('start', 'again');
      await waitFor(() => starts('again') === 2, 'the second start');
      expect(daemon.docker('exec', 'again', 'cat', '/etc/new')).toBe('precious\n');
    });
  });

  describe('when the program of a container ends', () => {
    it('with an error and --restart=on-failure:3, starts it four times, and leaves nothing', async () => {
      const script = 'echo started >> /starts; exit 1';
      const how = ['--detach', '--network=none', '--restart=on-failure:3', '--name', 'failing'];
      daemon.docker('run', ...how, BASE_IMAGE, 'sh', '-c', script);
      const restarts = ['inspect', '--format', '{{.RestartCount}} {{.State.Status}}', 'failing'];
      await waitFor(() => daemon.docker(...restarts).trim() === '3 exited', 'the last restart');
      daemon.docker('cp', 'failing:/starts', daemon.at('starts'));
      expect(machine.run(['cat', daemon.at('starts')]).stdout).toBe('started\n'.repeat(4));
      await untilNothingRuns();
    });

    it('by SIGKILL, returns the status and keeps its data', async () => {
      await startCounting('killed');
      daemon.docker('kill', 'killed');
      expect(daemon.docker('wait', 'killed').trim()).toBe('137');
      expect(daemon.docker('diff', 'killed')).toContain('A /starts\n');
    });
  });

  it('names a missing layer in docker run, and leaves nothing', async () => {
    const [image = ''] = readdirSync(daemon.layers).filter((name) => name !== 'l');
    const diff = join(daemon.layers, image, 'diff');
    renameSync(diff, `${diff}-away`);
    try {
      const { stderr } = daemon.try('run', '--rm', '--network=none', '--name=none', BASE_IMAGE, 'true');
      expect(stderr).toMatch(/plyfs: lowerdir: \S+.*ENOENT/);
    } finally {
      renameSync(`${diff}-away`, diff);
    }
    expect(daemon.docker('ps', '--all', '--quiet')).toBe('');
    await untilNothingRuns();
    daemon.docker('run', '--rm', '--network=none', '--name=none', BASE_IMAGE, 'true');
  });
});
