/**
 * `force_mask` of storage.conf: all files of a layer belong to the engine, and their attributes are in an
 * xattr.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lineDifferences } from '../../../harness/line-differences.js';
import { BASE_IMAGE, importBaseImage } from '../shared/base-image.js';
import { ContainerStore } from '../shared/container-store.js';
import { clientsUnavailable, overlayOptions } from '../shared/drivers.js';
import { PrivateMachine } from '../shared/private-machine.js';
import { imageManifest } from '../shared/tree-manifest.js';

const unavailable = clientsUnavailable('podman', 'runc');

/**
 * Content that podman 4.3 can store so. It makes real fifos, which cannot have a `user.` attribute, and
 * forgets set-id and sticky bits.
 */
const CONTAINERFILE = `
  FROM ${BASE_IMAGE}
  RUN mkdir -p /data/d && echo secret > /data/shadow && echo gone > /data/gone && echo f > /data/d/f
  RUN cd /data && chmod 640 shadow && chown 0:42 shadow && chmod 700 d && chown 7:8 d && rm gone && chmod 000 d/f
  RUN cd /data && echo more >> d/f && ln -s shadow link && mv shadow moved && chmod 755 /tmp`;

describe.skipIf(unavailable !== null)(`podman with force_mask ${unavailable ?? ''}`, () => {
  let machine: PrivateMachine;
  let plain: ContainerStore;
  let masked: ContainerStore;

  beforeAll(async () => {
    machine = await PrivateMachine.start();
    plain = new ContainerStore(machine, 'kernel, comparing trees');
    const storageConf = ({ graphRoot, runRoot }: { graphRoot: string; runRoot: string }): string =>
      `[storage]\ndriver = "overlay"\ngraphroot = "${graphRoot}"\nrunroot = "${runRoot}"\n${overlayOptions('plyfs')}force_mask = "0700"\n`;
    masked = new ContainerStore(machine, 'plyfs', { storageConf });
    for (const store of [plain, masked]) {
      importBaseImage(store);
      writeFileSync(store.at('Containerfile'), CONTAINERFILE);
      store.podman('build', '--network=host', '--tag=masked', '--file', store.at('Containerfile'), store.at('tmp'));
    }
  });
  afterAll(async () => {
    for (const store of [plain, masked]) store.dispose();
    await machine.end();
  });

  it('shows a container the same owners and modes as without it', () => {
    const [expected, actual] = [plain, masked].map((store) => imageManifest(store, 'masked').filter(isNotRoot));
    expect(lineDifferences(expected ?? [], actual ?? [])).toEqual([]);
  });

  it("stores a container's changes in the same way, and lets no other user read them", () => {
    const script =
      'echo mine > /new && chmod 644 /new && chown 3:4 /new && mknod /null c 1 3 && stat -c "%a %u:%g" /new';
    const name = masked.podman('create', 'masked', 'sh', '-ec', script).trim();
    expect(masked.podman('start', '--attach', name)).toBe('644 3:4\n');
    const upper = masked.podman('inspect', '--format={{.GraphDriver.Data.UpperDir}}', name).trim();
    const facts = execFileSync('stat', ['-c', '%F %a %u:%g', join(upper, 'new'), join(upper, 'null')], {
      encoding: 'utf8',
    });
    expect(facts).toBe('regular file 700 0:0\nregular empty file 700 0:0\n');
    expect(readFileSync(join(upper, 'new'), 'utf8')).toBe('mine\n');
    masked.removeContainer(name);
  });
});

/** podman 4.3 records the mask itself for the root directory. */
function isNotRoot(line: string): boolean {
  return !line.endsWith(' . -> ');
}
