/**
 * A layer that does not answer, as on a network whose server is down. A helper thread that waits for the
 * layer blocks no other request. A serving thread that waits blocks the mount, which can be ended
 * nevertheless.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isErrno } from '../../../src/core/errno.js';
import { umountFs } from '../../../src/sys/mount.js';
import { dir } from '../../conformance/tree.js';
import { FaultyUnion } from '../../faults/faulty-union.js';
import { isMounted, mountsUnavailable, PLYFS, waitFor } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { startCopyUp } from '../harness/large-file.js';

const unavailable = mountsUnavailable();
const MNT_FORCE = 1;

function forceUnmount(mountpoint: string): void {
  try {
    umountFs(mountpoint, MNT_FORCE);
  } catch (error) {
    if (!isErrno(error, 'EBUSY')) throw error;
  }
}

const LARGE = 'large '.repeat(400_000);

describe.skipIf(unavailable !== null)(`a hanging layer${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let union: FaultyUnion;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    base = makeScratch('hanging');
    union = await FaultyUnion.open(base, { dialect: 'overlay', options: ['passthrough=off'] });
    union.add('here', { upper: { made: dir() }, lower1: { big: LARGE, small: 'small' } });
  });
  afterEach(async () => {
    union.faults.disarm();
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await union.close();
    removeScratch(base);
  });

  const at = (name: string): string => join(union.root, 'here', name);
  const upperPath = (name: string): string => join(base, 'high', 'upper', 'here', name);
  const hanging = (): Promise<void> => waitFor(() => union.faults.hits > 0, 'the layer to hang');
  function started(child: ChildProcess): ChildProcess {
    children.push(child);
    return child;
  }
  /** Starts a process that makes a directory. */
  const startMkdir = (name: string): ChildProcess =>
    started(spawn('mkdir', [at(name)], { stdio: ['ignore', 'ignore', 'pipe'] }));

  describe('during a large copy-up', () => {
    let writer: ChildProcess;
    beforeEach(async () => {
      union.faults.arm({ n: 1, errno: 'hang', kinds: ['WRITE'] });
      writer = started(startCopyUp(at('big')));
      await hanging();
    });

    it('delays no other request, and the copy completes when the layer answers again', async () => {
      expect(sys.readFile(at('small'))).toBe('small');
      sys.mkdir(at('made/new'));
      sys.chmod(at('small'), 0o600);
      expect(sys.readFile(at('big'))).toBe(LARGE);
      expect(writer.exitCode).toBeNull();
      const ended = once(writer, 'exit');
      union.faults.disarm();
      expect(await ended).toEqual([0, null]);
      expect(readFileSync(upperPath('big'), 'latin1')).toBe(LARGE);
    });

    it('lets the caller be killed, and leaves only the completed copy', async () => {
      const ended = once(writer, 'exit');
      writer.kill('SIGKILL');
      await ended;
      expect(sys.readFile(at('small'))).toBe('small');
      union.faults.disarm();
      await waitFor(() => union.leftovers().length === 0 && existsSync(upperPath('big')), 'the copy to end');
      expect(readFileSync(upperPath('big'), 'latin1')).toBe(LARGE);
    });

    it('lets the mount and its server be ended, and the file is unchanged', async () => {
      const left = once(writer, 'exit');
      await union.server.terminate();
      await left;
      expect(isMounted(union.root)).toBe(false);
      expect(existsSync(upperPath('big'))).toBe(false);
      union.faults.disarm();
      expect(union.views('here').kernel?.big).toContain(`size=${LARGE.length} `);
    });
  });

  describe('during a request of the serving thread', () => {
    let caller: ChildProcess;
    beforeEach(async () => {
      union.faults.arm({ n: 1, errno: 'hang', kinds: ['MKDIR'] });
      caller = startMkdir('made/new');
      await hanging();
    });

    it('lets the mount continue when the layer answers again', async () => {
      const ended = once(caller, 'exit');
      union.faults.disarm();
      expect(await ended).toEqual([0, null]);
      expect(sys.isDirectory(sys.stat(at('made/new')).mode)).toBe(true);
    });

    it('lets plyfs umount --lazy detach the mount at once, and a signal end its server', async () => {
      const done = spawnSync(PLYFS, ['umount', '--lazy', union.root], { encoding: 'utf8', timeout: 20_000 });
      expect(done.stderr).toBe('');
      expect(done.status).toBe(0);
      expect(isMounted(union.root)).toBe(false);
      const left = once(caller, 'exit');
      await union.server.terminate();
      await left;
      expect(existsSync(upperPath('made/new'))).toBe(false);
    });

    it('lets a forced unmount abort the connection, which frees the callers', async () => {
      const ended = once(caller, 'close');
      let told = '';
      caller.stderr?.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      // umount2(2) with MNT_FORCE aborts first; then it can find the mount in use.
      forceUnmount(union.root);
      expect(await ended).toEqual([1, null]);
      expect(told).toMatch(/connection abort|not connected/i);
      union.faults.disarm();
      await union.server.closed();
      expect(statSync(upperPath('made')).isDirectory()).toBe(true);
    });
  });
});
