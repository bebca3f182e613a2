/** An image of several layers, each of which changes the lower ones as usual Containerfiles do. */
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BASE_IMAGE, importBaseImage } from './base-image.js';
import { ContainerStore } from './container-store.js';
import type { PrivateMachine } from './private-machine.js';
import { saveImage } from './saved-image.js';

/** A time of files that the steps set, and no other file has. */
const SET = '2001-02-03 04:05:06';

/** Shell commands; each step makes a layer. */
const STEPS = [
  [
    'mkdir -p /data/keep /data/gone/deep /data/opaque/old/sub /data/moved/inner /data/kinds/dir/x /data/owned/d',
    'cd /data',
    'mkdir links big attributes /opt /opt/tool /opt/tool/bin',
    'for file in keep/one keep/two gone/deep/f gone-file opaque/f opaque/old/sub/f moved/inner/f moved-file',
    'do echo $file > $file; done',
    'for file in kinds/file kinds/dir/x/f owned/f owned/g links/lower attributes/f attributes/g',
    'do echo $file > $file; done',
    'echo tool > /opt/tool/bin/tool',
    'ln -s /data/keep kinds/link; mkfifo kinds/fifo kept-fifo; mknod null c 1 3 || [ -n "$ROOTLESS" ]',
    'ln links/lower links/lower-too',
    'dd if=/dev/zero of=big/zeros bs=1M count=8 2>/dev/null',
    'setfattr -n user.first -v 1 attributes/f',
    `touch -d '${SET}' keep/one keep/two big/zeros links/lower`,
  ],
  ['rm -r /data/gone /data/gone-file; rm -r /data/opaque; mkdir /data/opaque; echo new > /data/opaque/new'],
  [
    'cd /data; mv moved renamed; mv moved-file renamed-file',
    'mv /opt/tool /opt/tool-1.0; ln -s tool-1.0 /opt/tool',
    'ln -s nowhere links/dangling; ln -s /data/keep/one links/absolute; ln -s ../keep links/to-directory',
    `touch -h -d '${SET}' links/absolute`,
  ],
  ['cd /data/links; echo a > a; ln a b; mkdir sub; ln a sub/c', 'mkfifo pipe; ln pipe pipe-too; ln lower lower-third'],
  [
    'cd /data/owned; chown 7:8 f; chmod 4755 f; chmod 600 g; chown 9:10 d; chmod 2770 d; chmod 1777 /data/keep',
    'chown -h 11:12 /data/links/dangling; chown 65534:65534 g',
    // cap_net_bind_service+ep in the form of setcap(8).
    'setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 /data/attributes/g',
    // docker's layers have no `user.` attributes.
    'setfattr -x user.first /data/attributes/f || :; setfattr -n user.second -v 2 /data/attributes/f',
    `touch -d '${SET}' /data/owned/d`,
  ],
  [
    'cd /data/kinds; rm file; mkdir file; echo in > file/in; rm -r dir; ln -s file dir',
    'rm link; echo f > link; rm fifo; mkdir fifo',
  ],
  [
    'cd /data; printf x | dd of=big/zeros bs=1 seek=4000000 conv=notrunc 2>/dev/null',
    `touch "with space" ./-dash .hidden "n\\303\\244me" "new
line" "$(printf '\\377\\376')" 'back\\slash' .wh_not 'comma,colon:'`,
  ],
  [
    'cd /data; echo two >> keep/two; rm -r opaque; mkdir opaque; rm -r renamed/inner; rm links/b; chmod 700 /opt/tool-1.0',
  ],
  [
    'mkdir /data/gone; echo again > /data/gone/file; rm /data/kinds/dir; mkdir -p /data/kinds/dir/y; rm -r /opt/tool-1.0/bin',
  ],
] as const;

/** The number of layers: those of {@link STEPS}, and one of COPY. */
export const LAYERS = STEPS.length + 1;

/** Writes the context directory for `podman build`. */
export function writeLayeredImage(dir: string): string {
  const context = join(dir, 'layered-image');
  mkdirSync(context);
  writeFileSync(join(context, 'added'), 'added\n');
  const scripts = STEPS.map((lines, i) => {
    writeFileSync(join(context, `step${i}.sh`), `set -e\n${lines.join('\n')}\n`);
    return `RUN sh /steps/step${i}.sh\n`;
  });
  writeFileSync(join(context, 'Containerfile'), containerfile(scripts));
  return context;
}

/**
 * Builds the image with the kernel's driver, which is fastest, and returns the saved file for `podman load`.
 */
export function saveLayeredImage(machine: PrivateMachine, dir: string, image: string): string {
  const store = new ContainerStore(machine, 'kernel');
  try {
    importBaseImage(store);
    store.podman('build', '--network=host', `--tag=${image}`, writeLayeredImage(store.dir));
    const file = join(dir, 'layered-image.tar');
    renameSync(saveImage(store, image), file);
    return file;
  } finally {
    store.dispose();
  }
}

function containerfile(runs: readonly string[]): string {
  return [`FROM ${BASE_IMAGE}\nARG ROOTLESS\n`, 'COPY added *.sh /steps/\n', ...runs].join('');
}
