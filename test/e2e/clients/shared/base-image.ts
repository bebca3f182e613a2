/**
 * A base image that needs no network: busybox, and programs that list facts of a tree which busybox cannot
 * list.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRootDirectory } from '../../rootless/root-directory.js';
import type { ContainerStore } from './container-store.js';
import { pathOf } from './drivers.js';

export const BASE_IMAGE = 'localhost/base';

/** Programs of the image, with their libraries. busybox provides all others. */
const PROGRAMS = ['find', 'sort', 'xargs', 'sha256sum', 'getfattr', 'setfattr'];

/** Writes the image's layer as a tar file whose bytes are the same everywhere. */
export function makeBaseTar(dir: string): string {
  const root = join(dir, 'base');
  makeRootDirectory(root, PROGRAMS);
  for (const name of ['etc', 'root', 'tmp', 'usr/bin', 'var/tmp', 'proc', 'sys', 'dev', 'run']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n');
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nuser:x:1000:\n');
  copyFileSync(pathOf('busybox') ?? '', join(root, 'bin/busybox'));
  const applets = execFileSync('busybox', ['--list'], { encoding: 'utf8' }).trim().split('\n');
  for (const applet of applets) {
    const link = join(root, 'bin', applet);
    if (!existsSync(link)) symlinkSync('busybox', link);
  }
  const tar = join(dir, 'base.tar');
  const same = ['--sort=name', '--mtime=@1000000000', '--owner=0', '--group=0', '--numeric-owner'];
  execFileSync('tar', ['-C', root, ...same, '-cf', tar, '.']);
  return tar;
}

/** Makes {@link BASE_IMAGE} in a store. */
export function importBaseImage(store: ContainerStore): void {
  store.podman('import', makeBaseTar(store.dir), BASE_IMAGE);
}
