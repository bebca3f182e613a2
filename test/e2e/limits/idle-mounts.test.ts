/**
 * A machine with many containers has a server for each. These tests measure the cost of idle servers, and
 * what is left after them.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../../harness/checkout.js';
import { coverDirectories } from '../../harness/machine/covered-directories.js';
import { openFilesOf, processes, serverOf } from '../../harness/machine/processes.js';
import { isMounted, mountsUnavailable, PLYFS, TRANSPORT, waitFor } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

/** With fuse-native, another process than that of the command line serves the mount. */
const unavailable = mountsUnavailable() ?? (TRANSPORT === 'fuse-native' ? 'only for the default transport' : null);
const MIB = 1 << 20;
const MOUNTS = 20;
const ROUNDS = 50;

describe.skipIf(unavailable !== null)(`many mounts at once${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  const mountpoints: string[] = [];

  beforeAll(() => {
    base = makeScratch('idle');
    for (const layer of ['top', 'base']) {
      for (const directory of ['bin', 'etc', 'lib']) mkdirSync(join(base, layer, directory), { recursive: true });
      for (let i = 0; i < 50; i++) writeFileSync(join(base, layer, 'lib', `${layer}-${i}`), `${layer} ${i}\n`);
    }
  });
  afterAll(async () => {
    for (const path of mountpoints) if (isMounted(path)) spawnSync('umount', ['-l', path]);
    await untilEnded();
    removeScratch(base);
  });

  function untilEnded(): Promise<void> {
    return waitFor(() => !processes().some(({ command }) => command.includes(base)), 'servers to end');
  }

  /** Mounts the two layers below a new upper, in the background, and returns the pid of the server. */
  function mount(name: string): number {
    const at = (part: string): string => join(base, name, part);
    for (const part of ['upper', 'work', 'merged']) mkdirSync(at(part), { recursive: true });
    const options = `lowerdir=${join(base, 'top')}:${join(base, 'base')},upperdir=${at('upper')},workdir=${at('work')}`;
    const done = spawnSync(PLYFS, ['-o', options, at('merged')], { encoding: 'utf8' });
    expect(done).toMatchObject({ status: 0, stderr: '' });
    mountpoints.push(at('merged'));
    const server = serverOf(at('merged'));
    if (server === undefined) throw new Error(`found no server of ${at('merged')}`);
    return server;
  }

  /** Works on a mount as a short-lived container does: reads files, and writes some. */
  function use(merged: string): void {
    for (const name of readdirSync(join(merged, 'lib'))) readFileSync(join(merged, 'lib', name));
    writeFileSync(join(merged, 'etc', 'new'), 'new');
    writeFileSync(join(merged, 'lib', 'top-1'), 'changed');
  }

  describe('twenty at once', () => {
    let servers: number[];

    beforeAll(() => {
      servers = Array.from({ length: MOUNTS }, (_, i) => mount(`container-${i}`));
    });

    it('take less than 25 MiB each, shared pages counted once', () => {
      mountpoints.forEach(use);
      const total = servers.reduce((sum, server) => sum + proportionalMemory(server), 0);
      expect(total / MOUNTS).toBeLessThan(25 * MIB);
    });

    it('have no more files open after a hundred uses than after two', async () => {
      /** The open files of the server that has most. */
      const fullest = (): string[] =>
        servers
          .map((server) => [...openFilesOf(server).values()].sort())
          .reduce((one, other) => (other.length > one.length ? other : one));
      mountpoints.forEach(use);
      const before = fullest();
      const [first = ''] = mountpoints;
      for (let i = 0; i < 100; i++) use(first);
      mountpoints.forEach(use);
      // close(2) returns before the server has closed the file. A failure shows which files are open.
      await waitFor(() => fullest().length <= before.length, 'files to be closed').catch(() => {
        expect(fullest()).toEqual(before);
      });
    });

    it('end with their mounts', async () => {
      for (const path of mountpoints) expect(spawnSync('umount', [path]).status).toBe(0);
      await untilEnded();
      expect(mountpoints.filter(isMounted)).toEqual([]);
    });
  });

  it('leave no process, no mount and no file after fifty in a row', async () => {
    // No other process writes to these directories in this mount namespace: each new file is plyfs's.
    const script = `
      set -eu
      ${coverDirectories(['/run', '/dev/shm', '/var/tmp'], [realpathSync(CHECKOUT), realpathSync(base)])}
      mkdir "$1/tmp"; export TMPDIR="$1/tmp"
      mkdir -p /run/mount # of mount(8) and umount(8)
      files() { find /run /dev/shm /var/tmp "$TMPDIR" -xdev -path /run/mount -prune -o -print; }
      before=$(files)
      i=0
      while [ $i -lt ${ROUNDS} ]; do
        i=$((i + 1))
        "$2" -o "lowerdir=$1/top:$1/base,upperdir=$1/upper,workdir=$1/work" "$1/merged"
        echo $i > "$1/merged/etc/count"
        umount "$1/merged"
      done
      mount | grep -F "$1/" || :
      [ "$(files)" = "$before" ] || files`;
    for (const part of ['upper', 'work', 'merged']) mkdirSync(join(base, part));
    const done = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', base, PLYFS], { encoding: 'utf8' });
    expect(done).toMatchObject({ status: 0, stdout: '', stderr: '' });
    expect(readFileSync(join(base, 'upper', 'etc', 'count'), 'utf8')).toBe(`${ROUNDS}\n`);
    expect(readdirSync(join(base, 'work', 'work'))).toEqual([]);
    await untilEnded();
  });
});

/** Returns the bytes of a process. A page that several processes share counts as a fraction. */
function proportionalMemory(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
  return Number(/^Pss:\s*(\d+) kB/m.exec(rollup)?.[1]) * 1024;
}
