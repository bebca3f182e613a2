/**
 * Two mounts on one thread, and a file system below them whose disk has failed: an fsync in the background
 * fails as one that the thread waits for.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Errno } from '../../../src/core/errno.js';
import { ServingLoop } from '../../../src/fuse/loop/serving-loop.js';
import { MNT_DETACH, umountFs } from '../../../src/sys/mount.js';
import { openEventfd } from '../../../src/sys/waiting/eventfd.js';
import { runProgram } from '../../harness/machine/run-program.js';
import { mountsUnavailable } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { allocate, bind, check } from '../../harness/sys/call.js';
import * as sys from '../../harness/sys/index.js';
import { SocketMount } from '../../unit/fuse/socket-mount.js';

const ioctl = bind<(fd: number, request: number, argument: number) => number>('int ioctl(int, ulong, intptr_t)');
const EXT4_IOC_SHUTDOWN = 0x8004587d;
const NO_LOG_FLUSH = 2;

/** The reason why no image file can be mounted here, or null. */
function loopUnavailable(): string | null {
  const done = spawnSync('losetup', ['-f'], { encoding: 'utf8' });
  if (done.error !== undefined || done.status !== 0) return 'there are no loop devices';
  return spawnSync('mkfs.ext4', ['-V']).error === undefined ? null : 'mkfs.ext4 is missing';
}

/** Makes all further writes to the file system of `fd` fail with EIO. */
function failDisk(fd: number): void {
  const { buffer, address } = allocate(4);
  buffer.writeUInt32LE(NO_LOG_FLUSH);
  check(ioctl(fd, EXT4_IOC_SHUTDOWN, address), 'ioctl', 'EXT4_IOC_SHUTDOWN');
}

const unavailable = mountsUnavailable() ?? loopUnavailable();
const reason = unavailable === null ? '' : `: ${unavailable}`;

describe.skipIf(unavailable !== null)(`fsync in the background, on a disk that has failed${reason}`, () => {
  let base: string;
  let disk: string;
  let controlFd: number;
  let loop: ServingLoop;

  beforeEach(() => {
    base = makeScratch('sync');
    disk = join(base, 'disk');
    mkdirSync(disk);
    const image = openSync(join(base, 'image'), 'w');
    ftruncateSync(image, 16 << 20);
    closeSync(image);
    runProgram('mkfs.ext4', ['-q', '-F', join(base, 'image')]);
    runProgram('mount', ['-o', 'loop', join(base, 'image'), disk]);
    controlFd = openEventfd();
    loop = new ServingLoop({ controlFd, onControl: () => loop.stop() });
  });

  afterEach(() => {
    loop.close();
    sys.close(controlFd);
    umountFs(disk, MNT_DETACH);
    removeScratch(base);
  });

  it('returns EIO to its caller, and the other mount is served', () => {
    const [mount, other] = [new SocketMount(loop), new SocketMount(loop)];
    for (const { session } of [mount, other]) loop.add(session, () => {});
    const fd = sys.open(join(disk, 'file'), sys.O_CREAT | sys.O_WRONLY);
    sys.write(fd, 'data');
    mount.onSync = (datasync, syncFd) => syncFd?.(fd, datasync);
    failDisk(fd);
    const unique = mount.fsync();
    const found: unknown[] = [];
    other.onLookup = () => {
      other.replies();
      other.lookup('next');
      found.push(...mount.replies());
      if (found.length > 0) loop.stop();
    };
    other.lookup('first');
    loop.run();
    sys.close(fd);
    expect(found).toEqual([[unique, Errno.EIO]]);
    expect(mount.fsyncs).toBe(1);
    for (const each of [mount, other]) each.breakConnection();
  });
});
