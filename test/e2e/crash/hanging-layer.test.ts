/**
 * A layer that does not answer, as on a network whose server is gone. What a helper thread waits for holds up
 * nobody else; what the serving thread waits for holds up the mount, which can be ended all the same.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isErrno } from '../../../src/core/errno.js';
import { umountFs } from '../../../src/sys/mount.js';
import { dir } from '../../conformance/tree.js';
import { FaultStage } from '../../faults/stage.js';
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

describe.skipIf(unavailable !== null)(`a layer hangs${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let stage: FaultStage;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    base = makeScratch('hanging');
    stage = await FaultStage.open(base, { dialect: 'overlay', options: ['passthrough=off'] });
    stage.add('here', { upper: { made: dir() }, lower1: { big: LARGE, small: 'small' } });
  });
  afterEach(async () => {
    stage.faults.disarm();
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await stage.close();
    removeScratch(base);
  });

  const at = (name: string): string => join(stage.root, 'here', name);
  const behind = (name: string): string => join(base, 'high', 'upper', 'here', name);
  const hanging = (): Promise<void> => waitFor(() => stage.faults.hits > 0, 'the layer to hang');
  function started(child: ChildProcess): ChildProcess {
    children.push(child);
    return child;
  }
  /** A process that makes a directory. */
  const startMkdir = (name: string): ChildProcess =>
    started(spawn('mkdir', [at(name)], { stdio: ['ignore', 'ignore', 'pipe'] }));

  describe('under a large copy-up', () => {
    let writer: ChildProcess;
    beforeEach(async () => {
      stage.faults.arm({ n: 1, errno: 'hang', kinds: ['WRITE'] });
      writer = started(startCopyUp(at('big')));
      await hanging();
    });

    it('others are served meanwhile, and the copy is complete when the layer answers again', async () => {
      expect(sys.readFile(at('small'))).toBe('small');
      sys.mkdir(at('made/new'));
      sys.chmod(at('small'), 0o600);
      expect(sys.readFile(at('big'))).toBe(LARGE);
      expect(writer.exitCode).toBeNull();
      const ended = once(writer, 'exit');
      stage.faults.disarm();
      expect(await ended).toEqual([0, null]);
      expect(readFileSync(behind('big'), 'latin1')).toBe(LARGE);
    });

    it('the caller can be killed, and nothing of the copy remains but what it has become', async () => {
      const ended = once(writer, 'exit');
      writer.kill('SIGKILL');
      await ended;
      expect(sys.readFile(at('small'))).toBe('small');
      stage.faults.disarm();
      await waitFor(() => stage.leftovers().length === 0 && existsSync(behind('big')), 'the copy to end');
      expect(readFileSync(behind('big'), 'latin1')).toBe(LARGE);
    });

    it('the mount can be ended, with its server, and the file is as before', async () => {
      const ended = once(stage.server, 'exit');
      const left = once(writer, 'exit');
      stage.server.kill('SIGTERM');
      await ended;
      await left;
      expect(isMounted(stage.root)).toBe(false);
      expect(existsSync(behind('big'))).toBe(false);
      stage.faults.disarm();
      expect(stage.views('here').kernel?.big).toContain(`size=${LARGE.length} `);
    });
  });

  describe('under the serving thread', () => {
    let caller: ChildProcess;
    beforeEach(async () => {
      stage.faults.arm({ n: 1, errno: 'hang', kinds: ['MKDIR'] });
      caller = startMkdir('made/new');
      await hanging();
    });

    it('the mount goes on when the layer answers again', async () => {
      const ended = once(caller, 'exit');
      stage.faults.disarm();
      expect(await ended).toEqual([0, null]);
      expect(sys.isDirectory(sys.stat(at('made/new')).mode)).toBe(true);
    });

    it('plyfs umount --lazy detaches it at once, and a signal ends its server', async () => {
      const done = spawnSync(PLYFS, ['umount', '--lazy', stage.root], { encoding: 'utf8', timeout: 20_000 });
      expect(done.stderr).toBe('');
      expect(done.status).toBe(0);
      expect(isMounted(stage.root)).toBe(false);
      const ended = once(stage.server, 'exit');
      const left = once(caller, 'exit');
      stage.server.kill('SIGTERM');
      await ended;
      await left;
      expect(existsSync(behind('made/new'))).toBe(false);
    });

    it('a forced unmount, which aborts the connection, frees the callers', async () => {
      const ended = once(caller, 'close');
      let told = '';
      caller.stderr?.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      // It aborts first, and then finds the mount in use or not.
      forceUnmount(stage.root);
      expect(await ended).toEqual([1, null]);
      expect(told).toMatch(/connection abort|not connected/i);
      stage.faults.disarm();
      await once(stage.server, 'exit');
      expect(statSync(behind('made')).isDirectory()).toBe(true);
    });
  });
});
