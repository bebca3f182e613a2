/** Images that a test builds from layers, in a form that `podman load` accepts. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Writes an archive in the form of `docker save`.
 * @param layers tar files, lowest first
 */
export function writeImageArchive(dir: string, name: string, layers: readonly string[]): string {
  const contents = join(dir, 'archive');
  mkdirSync(contents);
  const digests = layers.map((layer) => {
    const bytes = readFileSync(layer);
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(contents, `${digest}.tar`), bytes);
    return digest;
  });
  const config = {
    architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
    os: 'linux',
    config: { Cmd: ['sh'] },
    rootfs: { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) },
  };
  const manifest = [{ Config: 'config.json', RepoTags: [name], Layers: digests.map((digest) => `${digest}.tar`) }];
  writeFileSync(join(contents, 'config.json'), JSON.stringify(config));
  writeFileSync(join(contents, 'manifest.json'), JSON.stringify(manifest));
  const archive = join(dir, 'archive.tar');
  execFileSync('tar', ['-C', contents, '-cf', archive, '.']);
  return archive;
}

/** Makes a layer of the files that a script leaves in a new directory. */
export function writeLayer(dir: string, name: string, script: string): string {
  const contents = join(dir, name);
  mkdirSync(contents);
  execFileSync('sh', ['-ec', script], { cwd: contents });
  const tar = `${contents}.tar`;
  execFileSync('sh', ['-ec', 'tar -C "$1" --numeric-owner -cf "$2" $(ls -A "$1")', 'sh', contents, tar]);
  return tar;
}
