/**
 * The root of a user namespace has CAP_FSETID over files of the namespace's users in the namespace, but not
 * in the initial namespace: its writes keep the set-gid bit and clear the set-uid bit.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  TRANSPORT,
} from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();

/** Scripts of the root of a namespace that change "$1". "$2" is a file with content. */
const CHANGES: Readonly<Record<string, string>> = {
  truncate: 'truncate -s 3 "$1"',
  'open with O_TRUNC': ': > "$1"',
  append: 'printf x >> "$1"',
  write: 'printf x | dd of="$1" conv=notrunc status=none',
  // libfuse 2 does not carry fallocate (docs/transports.md).
  ...(TRANSPORT === 'fuse-native' ? {} : { fallocate: 'fallocate -l 10000 "$1"' }),
  copy: 'cat "$2" > "$1"',
  'chown to its own owner': 'chown 1000 "$1"',
};

/** The owner and group are ids of the namespace, and its root is not in the group. */
const OWNED = { uid: 1000, gid: 2000 };
const MODES = [0o6644, 0o6754, 0o2666];
const ALL_IDS = '0 0 65536\n';

/** Runs a script as root of a user namespace that has the first 65,536 ids. Returns its status. */
async function asNamespaceRoot(script: string, args: readonly string[]): Promise<number | null> {
  // A program has capabilities only if uid 0 starts it, and before the ids are mapped no process has uid 0.
  const waiting = 'echo ready; read -r go; exec sh -c "$@"';
  const child: ChildProcess = spawn('unshare', ['-U', 'sh', '-c', waiting, 'sh', script, 'sh', ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  // The namespace exists now, and has no ids yet.
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${child.pid}/${map}`, ALL_IDS);
  child.stdin?.end('go\n');
  await ended;
  return child.exitCode;
}

describe.skipIf(unavailable !== null)(`the root of a user namespace ${unavailable ?? ''}`, () => {
  const bases: string[] = [];
  const mounts: Mounted[] = [];
  /** The roots of the trees; the first one is the plain directory. */
  const roots: string[] = [];
  beforeAll(() => {
    const mounters = [
      mountKernel,
      mountPlyfs,
      (layers: Parameters<typeof mountPlyfs>[0]) => mountPlyfs(layers, ['passthrough=off']),
    ];
    const plain = makeScratch('namespace-root');
    bases.push(plain);
    fill(plain);
    roots.push(plain);
    for (const mount of mounters) {
      const base = makeScratch('namespace-root');
      bases.push(base);
      const layers = makeLayerDirs(base);
      fill(layers.upper);
      mounts.push(mount(layers));
      roots.push(layers.mountpoint);
    }
  });
  afterAll(() => {
    for (const mounted of mounts) mounted.unmount();
    for (const base of bases) removeScratch(base);
  });

  function fill(dir: string): void {
    sys.writeFile(join(dir, 'source'), 'source');
    for (const change of Object.keys(CHANGES)) {
      for (const mode of MODES) {
        const path = join(dir, `${change} ${mode}`);
        sys.writeFile(path, 'content');
        sys.chown(path, OWNED.uid, OWNED.gid);
        sys.chmod(path, mode);
      }
    }
  }

  it.each(Object.entries(CHANGES))(
    'keeps the same set-id bits as on a plain directory after: %s',
    async (change, script) => {
      const left: string[][] = [];
      for (const root of roots) {
        const modes: string[] = [];
        for (const mode of MODES) {
          const path = join(root, `${change} ${mode}`);
          expect(sys.lstat(path).mode & 0o7777).toBe(mode);
          expect(await asNamespaceRoot(script, [path, join(root, 'source')])).toBe(0);
          modes.push((sys.statOne(path, 'mode') & 0o7777).toString(8));
        }
        left.push(modes);
      }
      expect(left).toEqual(left.map(() => left[0]));
      expect(left[0]).toEqual(['2644', '754', '2666']);
    },
  );
});
