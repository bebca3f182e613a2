/**
 * Containers leave nothing when podman has removed them, a container whose server was killed can start again,
 * and unusual images can be loaded.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { waitFor } from '../../../harness/mounts.js';
import { BASE_IMAGE, importBaseImage, makeBaseTar } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable, TRIES_ALL } from '../shared/drivers.js';
import { type MachineProcess, PrivateMachine } from '../shared/private-machine.js';
import { imageManifest } from '../shared/tree-manifest.js';
import { writeImageArchive, writeLayer } from './image-archive.js';

const unavailable = clientsUnavailable('podman', 'runc');

describe.skipIf(unavailable !== null)(`podman and the processes of plyfs ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let store: ContainerStore;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    store = new ContainerStore(machine, 'plyfs');
    importBaseImage(store);
  });
  afterAll(async () => {
    store.dispose();
    await machine.end();
  });

  function servers(): MachineProcess[] {
    return machine.processes().filter(({ command }) => command.startsWith('plyfs /'));
  }

  /** Returns all mounts and processes of this store. */
  function present(): string[] {
    return [...store.mounts(), ...machine.processes().map(({ command }) => command)];
  }

  it('leave no process, mount or descriptor after twenty containers in a row', async () => {
    const witness = store.podman('run', '--detach', BASE_IMAGE, 'sleep', 'infinity').trim();
    const [server] = servers();
    if (server === undefined) throw new Error('no server');
    store.podman('run', '--rm', BASE_IMAGE, 'true');
    await waitFor(() => servers().length === 1, 'the server of the first container to end');
    const [descriptors, before] = [machine.descriptors(server.pid).sort(), present().sort()];
    for (let i = 0; i < 20; i++) expect(store.podman('run', '--rm', BASE_IMAGE, 'echo', `${i}`)).toBe(`${i}\n`);
    await waitFor(() => servers().length === 1, 'the servers of ended containers to end');
    await waitFor(() => present().sort().join('\n') === before.join('\n'), 'the same mounts and processes as before');
    expect(machine.descriptors(server.pid).sort()).toEqual(descriptors);
    store.removeContainer(witness);
    await waitFor(() => servers().length === 0, 'the last server to end');
    expect(store.podman('ps', '--all', '--quiet')).toBe('');
  });

  it('have a mount for each of ten containers at once, and none when they are removed', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `many${i}`);
    for (const name of names) store.podman('run', '--detach', `--name=${name}`, BASE_IMAGE, 'sleep', 'infinity');
    expect(servers().length).toBe(10);
    for (const name of names) store.podman('exec', name, 'sh', '-c', `echo ${name} > /name`);
    for (const name of names) expect(store.podman('exec', name, 'cat', '/name')).toBe(`${name}\n`);
    store.podman('rm', '--force', '--time=0', ...names);
    await waitFor(() => servers().length === 0, 'the servers to end');
    expect(store.mounts().filter((path) => path.endsWith('/merged'))).toEqual([]);
  });

  it('let a container whose server was killed start again with all written data', async () => {
    store.podman('run', '--detach', '--name=victim', BASE_IMAGE, 'sh', '-c', 'echo kept > /kept; sleep infinity');
    await waitFor(() => store.podman('exec', 'victim', 'sh', '-c', 'cat /kept || :') === 'kept\n', 'the file');
    store.podman('exec', 'victim', 'sh', '-c', 'rm /etc/passwd; mkdir /new; echo in > /new/in');
    const [server] = servers();
    machine.run(['kill', '-9', `${server?.pid}`]);
    await waitFor(() => servers().length === 0, 'the server to end');
    expect(store.try(['podman', 'exec', 'victim', 'cat', '/kept']).status).not.toBe(0);
    store.podman('kill', 'victim');
    store.podman('wait', 'victim');
    store.podman('start', 'victim');
    expect(store.podman('exec', 'victim', 'sh', '-c', 'cat /kept /new/in; ls /etc/passwd 2>&1 || :')).toBe(
      'kept\nin\nls: /etc/passwd: No such file or directory\n',
    );
    store.removeContainer('victim');
    expect(store.mounts()).toEqual([]);
  });

  it('run a health check in the container', () => {
    const check = ['--health-cmd=test -e /healthy', '--health-interval=disable'];
    store.podman('run', '--detach', '--name=checked', ...check, BASE_IMAGE, 'sleep', 'infinity');
    expect(store.try(['podman', 'healthcheck', 'run', 'checked']).status).toBe(1);
    store.podman('exec', 'checked', 'touch', '/healthy');
    expect(store.try(['podman', 'healthcheck', 'run', 'checked']).status).toBe(0);
    store.removeContainer('checked');
  });

  it('remove all unused objects in podman system prune', async () => {
    store.podman('run', '--name=ended', BASE_IMAGE, 'true');
    store.podman('commit', '--quiet', 'ended', 'unused');
    store.podman('system', 'prune', '--all', '--force', '--volumes');
    expect(store.podman('ps', '--all', '--quiet') + store.podman('images', '--quiet')).toBe('');
    await waitFor(() => servers().length === 0, 'the servers to end');
    expect(machine.run(['find', `${store.graphRoot}/overlay/l`, '-type', 'l']).stdout).toBe('');
    importBaseImage(store);
  });

  it('show the version of plyfs in podman info', () => {
    const format = '{{ (index .Store.GraphOptions "overlay.mount_program").Version }}';
    expect(store.podman('info', `--format=${format}`)).toMatch(
      /^plyfs \d\S+\nNode\.js v\S+\nFUSE kernel interface 7\.\d+ to 7\.\d+\n$/,
    );
  });

  describe('load images', () => {
    let kernel: ContainerStore;
    let base: string;

    beforeAll(() => {
      kernel = new ContainerStore(machine, 'kernel');
      base = makeBaseTar(kernel.dir);
    });
    afterAll(() => kernel.dispose());

    function load(layers: readonly string[], name: string): string[] {
      const archive = writeImageArchive(kernel.at(name), `localhost/${name}:latest`, [base, ...layers]);
      const [expected, actual] = [kernel, store].map((each) => {
        each.podman('load', '--input', archive);
        return imageManifest(each, `localhost/${name}`);
      });
      expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
      return actual ?? [];
    }

    it('with whiteouts and opaque marks in the form of registries', () => {
      machine.run(['mkdir', kernel.at('marks')]);
      const layer = (name: string, script: string): string => writeLayer(kernel.at('marks'), name, script);
      const tree = load(
        [
          layer('one', 'mkdir -p a/b/c d e/f; touch a/b/c/low a/low d/low e/f/low file other'),
          layer('two', 'mkdir -p a/b e; touch a/b/.wh..wh..opq a/b/high .wh.d .wh.file e/.wh.f'),
          layer('three', 'mkdir d; touch d/new; mkdir -p e/f; touch e/f/again .wh.other; mkdir a; touch a/.wh.low'),
          layer('four', 'mkdir -p a/b/c; touch a/b/c/late; touch file; mkdir other; touch other/.wh..wh..opq other/in'),
        ],
        'marks',
      );
      const paths = tree.flatMap((line) => /^[fd] .* \.\/(.*) -> $/.exec(line)?.slice(1) ?? []);
      expect(paths.filter((path) => /^(a|d|e|file|other)(\/|$)/.test(path)).sort()).toEqual([
        'a',
        'a/b',
        'a/b/c',
        'a/b/c/late',
        'a/b/high',
        'd',
        'd/new',
        'e',
        'e/f',
        'e/f/again',
        'file',
        'other',
        'other/in',
      ]);
    });

    it.skipIf(!TRIES_ALL)('of 110 layers', () => {
      machine.run(['mkdir', kernel.at('many')]);
      const layers = Array.from({ length: 110 }, (_, i) =>
        writeLayer(
          kernel.at('many'),
          `${i}`,
          `mkdir -p d; echo ${i} > d/${i}; touch d/.wh.${i - 2}; echo ${i} > d/last`,
        ),
      );
      const tree = load(layers, 'many');
      expect(tree.filter((line) => /^f .* \.\/d\//.test(line)).length).toBe(3);
    });
  });
});
