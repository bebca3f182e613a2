/**
 * apt and dpkg in a Debian container install the same verified packages and leave the same tree as on the
 * kernel's overlayfs.
 */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { ContainerStore } from '../shared/container-store.js';
import { debianUnavailable, makeDebianTar } from '../shared/debian-image.js';
import { clientsUnavailable } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';

const unavailable = clientsUnavailable('podman', 'runc') ?? (await debianUnavailable());
const DEBIAN = 'localhost/debian';
const MINUTES = 60_000;

/** Lists the tree without apt's lists and caches, whose times and contents change with the mirror. */
const TREE = `find / -xdev ! -path '/var/lib/apt/*' ! -path '/var/cache/*' ! -path '/var/log/*' ! -path '/run/*' \
  ! -path /etc/hosts ! -path /etc/hostname ! -path /etc/resolv.conf \
  \\( -type d -printf '%p d %m %U:%G\\n' -o -type l -printf '%p l %l\\n' -o -printf '%p %y %m %U:%G %s %n\\n' \\) | sort`;
const VERIFY = 'dpkg --verify || :; dpkg --audit; dpkg-query -W';

describe.skipIf(unavailable !== null)(`Debian in podman ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let kernel: ContainerStore;
  let plyfs: ContainerStore;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    kernel = new ContainerStore(machine, 'kernel');
    plyfs = new ContainerStore(machine, 'plyfs');
    const tar = await makeDebianTar(machine, kernel.dir);
    for (const store of [kernel, plyfs]) store.podman('import', tar, DEBIAN);
    rmSync(tar);
  }, 20 * MINUTES);
  afterAll(async () => {
    for (const store of [kernel, plyfs]) store.dispose();
    await machine.end();
  });

  it(
    'lets apt-get install packages, which a commit keeps',
    () => {
      const [expected, actual] = [kernel, plyfs].map((store) => {
        const script = `export DEBIAN_FRONTEND=noninteractive; (apt-get update && apt-get install -y --no-install-recommends \
          tree hello && apt-get purge -y git) >/var/log/work 2>&1 || { tail -30 /var/log/work; exit 1; }`;
        const ran = store.try(['podman', 'run', '--name=work', DEBIAN, 'sh', '-c', script], { timeout: 3 * MINUTES });
        expect(ran, ran.stdout + ran.stderr).toMatchObject({ status: 0 });
        store.podman('commit', '--quiet', 'work', 'installed');
        store.removeContainer('work');
        const run = (command: string): string[] =>
          store.podman('run', '--rm', 'installed', 'sh', '-c', command).split('\n');
        return [...run('hello; tree --version'), ...run(VERIFY), ...run(TREE)];
      });
      expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
      expect(actual).toContain('Hello, world!');
    },
    6 * MINUTES,
  );
});
