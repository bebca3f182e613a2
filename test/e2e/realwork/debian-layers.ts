/**
 * A Debian root file system as three layers, built once and kept in a cache. No test writes to layers, so
 * that every run and every target can use the same directories.
 *
 * The files are distributed singly, not by package: each directory is in all three layers and each file in
 * one, so that every directory of the union is merged from three.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { run } from './command.js';

const SUITE = 'bookworm';
const MIRROR = 'http://deb.debian.org/debian';
/** Tools that the scripts in work/ need. */
const TOOLS = ['gcc', 'libc6-dev', 'git', 'sqlite3'];
/** Packages that the scripts install, from the .deb files in /var/cache/apt/archives. */
const TO_INSTALL = ['hello', 'less'];
/** Packages that are installed already, and are installed again over the files of the layers. */
const TO_REINSTALL = ['coreutils'];
/** A version of the layers' content. It changes with the code below, so that an old cache is not used. */
const RECIPE = 'realwork-1';

export interface DebianLayers {
  /** The layers, top first, as in lowerdir. */
  readonly lowers: readonly string[];
}

/** Why the layers can be neither found nor built here, or null. */
export async function debianLayersUnavailable(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'a root file system needs root';
  if (existsSync(cacheDirectory())) return null;
  try {
    await run('debootstrap', ['--version']);
  } catch {
    return 'debootstrap is not installed';
  }
  return await debianMirrorUnavailable();
}

/** Why no package can be downloaded, or null. */
export async function debianMirrorUnavailable(): Promise<string | null> {
  try {
    await fetch(`${MIRROR}/dists/${SUITE}/Release`, { method: 'HEAD', signal: AbortSignal.timeout(20_000) });
  } catch (error) {
    return `no network: ${MIRROR} does not answer (${String(error)})`;
  }
  return null;
}

/** Returns the layers, and builds them if the cache has none. */
export async function debianLayers(): Promise<DebianLayers> {
  const cache = cacheDirectory();
  if (!existsSync(cache)) await build(cache);
  return { lowers: ['top', 'middle', 'bottom'].map((name) => join(cache, name)) };
}

/**
 * Returns a hash of all facts that a write to a layer would change: names, inodes, sizes, modes, owners,
 * times.
 */
export async function fingerprint(layers: DebianLayers): Promise<string> {
  const hash = createHash('sha256');
  for (const layer of layers.lowers) {
    hash.update(await run('find', [layer, '-printf', '%P %i %n %m %U %G %s %T@ %C@\\0']));
  }
  return hash.digest('hex');
}

function cacheDirectory(): string {
  const { PLYFS_CACHE } = process.env;
  return join(PLYFS_CACHE ?? join(homedir(), '.cache', 'plyfs'), RECIPE);
}

/** Builds beside the final directory and renames at the end, so that an existing cache is complete. */
async function build(cache: string): Promise<void> {
  const scratch = `${cache}.building-${process.pid}`;
  const root = join(scratch, 'root');
  try {
    await mkdir(scratch, { recursive: true });
    await bootstrap(root);
    await cut(root, scratch);
    await rm(root, { recursive: true });
    await addHistory(scratch);
    await rename(scratch, cache);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function bootstrap(root: string): Promise<void> {
  const packages = [...TOOLS, ...TO_INSTALL].join(',');
  await run('debootstrap', ['--variant=minbase', `--include=${packages}`, SUITE, root, MIRROR]);
  const kept = [...TO_INSTALL, ...TO_REINSTALL].map((name) => `! -name '${name}_*.deb'`).join(' ');
  const prepare = `
    dpkg --purge ${TO_INSTALL.join(' ')}
    find /var/cache/apt/archives -name '*.deb' ${kept} -delete
    rm -rf /var/lib/apt/lists/* /var/log/*.log
    sqlite3 /srv/inventory.db "
      PRAGMA journal_mode = WAL;
      CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT UNIQUE, amount INTEGER);
      WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
        INSERT INTO item SELECT i, 'item ' || i, 1 FROM n;"`;
  await run('chroot', [root, '/bin/sh', '-euc', prepare]);
}

/** Distributes the files over three directories. Hard links of one file stay together. */
async function cut(root: string, scratch: string): Promise<void> {
  const lists = { top: '', middle: '', bottom: '' };
  const names = ['top', 'middle', 'bottom'] as const;
  const layerOfInode = new Map<string, (typeof names)[number]>();
  for (const line of (await run('find', [root, '-printf', '%y %i %P\\0'])).split('\0')) {
    const [type, inode, ...rest] = line.split(' ');
    const path = rest.join(' ');
    if (type === undefined || inode === undefined || path === '') continue;
    if (type === 'd') {
      for (const name of names) lists[name] += `${path}\0`;
      continue;
    }
    const layer = layerOfInode.get(inode) ?? names[(createHash('md5').update(path).digest()[0] ?? 0) % 3] ?? 'top';
    layerOfInode.set(inode, layer);
    lists[layer] += `${path}\0`;
  }
  for (const name of names) {
    const list = join(scratch, `${name}.list`);
    await mkdir(join(scratch, name));
    await writeFile(list, lists[name], 'latin1');
    await run('sh', [
      '-euc',
      'tar -C "$1" --null --no-recursion --xattrs -T "$2" -cf - | tar -C "$3" --xattrs -xpf -',
      'cut',
      root,
      list,
      join(scratch, name),
    ]);
    await rm(list);
  }
}

/** Makes changes that later layers of an image make to earlier ones: replaces a file, deletes a file. */
async function addHistory(scratch: string): Promise<void> {
  const history = `
    cd "$1"
    echo 'of the bottom layer' > bottom/etc/replaced
    echo 'of the middle layer' > middle/etc/replaced
    echo 'deleted by the top layer' > bottom/etc/deleted
    mknod top/etc/deleted c 0 0`;
  await run('sh', ['-euc', history, 'history', scratch]);
}
