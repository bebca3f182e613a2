/** A large copy-up blocks no other request. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountsUnavailable, overlayOptions, waitFor } from '../../harness/mounts.js';
import { mountWithOwnServer, type OwnMount } from '../../harness/own-server.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { copyUpStarted, fillLarge, startCopyUp } from '../harness/large-file.js';

const unavailable = mountsUnavailable();
const BYTES = 1 << 30;
/**
 * The number of calls that the server must answer during one copy. A server that waits for the copy answers
 * one.
 */
const PROMPT = 50;

describe.skipIf(unavailable !== null)(`a large copy-up${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let upper: string;
  let mounted: OwnMount;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    base = makeScratch('large');
    const layers = makeLayerDirs(base);
    upper = layers.upper;
    fillLarge(join(base, 'lower1', 'big'), BYTES);
    sys.mkdir(join(base, 'lower1', 'other'));
    for (let i = 0; i < 20; i++) sys.writeFile(join(base, 'lower1', 'other', `f${i}`), String(i));
    mounted = await mountWithOwnServer(layers, ['-o', overlayOptions(layers)]);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) {
      if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    }
    mounted?.unmount();
    await mounted?.server.closed();
    removeScratch(base);
  });

  const start = async (): Promise<ChildProcess> => {
    const writer = startCopyUp(join(mounted.mountpoint, 'big'));
    children.push(writer);
    await waitFor(() => copyUpStarted(mounted.server, base), 'the copy-up to start');
    return writer;
  };
  /** Returns the last bytes before `end` in the lower layer. */
  const lowerTail = (end: number): Buffer => {
    const fd = sys.open(join(base, 'lower1', 'big'), sys.O_RDONLY);
    try {
      return sys.pread(fd, 64, end - 64);
    } finally {
      sys.close(fd);
    }
  };
  const copied = (): boolean => existsSync(join(upper, 'big'));

  it('lets other directories be listed, read and written before it completes', async () => {
    const writer = await start();
    const other = join(mounted.mountpoint, 'other');
    let answered = 0;
    while (!copied() && answered < PROMPT) {
      readdirSync(other);
      statSync(join(other, `f${answered % 20}`));
      sys.writeFile(join(other, `new${answered}`), 'made meanwhile');
      sys.unlink(join(other, `new${answered}`));
      if (!copied()) answered++;
    }
    expect(answered).toBe(PROMPT);
    const [status] = await once(writer, 'exit');
    expect(status).toBe(0);
    expect(statSync(join(upper, 'big')).size).toBe(BYTES);
  });

  it('lets others stat and read the file, and a second writer wait for the same copy', async () => {
    const writer = await start();
    const second = startCopyUp(join(mounted.mountpoint, 'big'));
    children.push(second);
    expect(statSync(join(mounted.mountpoint, 'big')).size).toBe(BYTES);
    const statuses = await Promise.all([writer, second].map(async (child) => (await once(child, 'exit'))[0]));
    expect(statuses).toEqual([0, 0]);
    expect(readdirSync(upper)).toEqual(['big']);
  });

  it('leaves a working mount and a whole file when its writer is killed', async () => {
    const writer = await start();
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const fd = sys.open(join(mounted.mountpoint, 'big'), sys.O_RDWR);
    sys.pwrite(fd, 'Z', BYTES - 1);
    sys.close(fd);
    expect(statSync(join(mounted.mountpoint, 'big')).size).toBe(BYTES);
    expect(statSync(join(upper, 'big')).size).toBe(BYTES);
  });

  it.each([
    ['shorter', BYTES - 12_345],
    ['longer', BYTES + 12_345],
  ])('leaves the file untouched or %s when a truncating process is killed', async (_, size) => {
    const truncation = spawn('truncate', ['-s', String(size), join(mounted.mountpoint, 'big')], { stdio: 'ignore' });
    children.push(truncation);
    await waitFor(() => copyUpStarted(mounted.server, base), 'the copy-up to start');
    truncation.kill('SIGKILL');
    await once(truncation, 'exit');
    const end = Math.min(size, BYTES);
    const fd = sys.open(join(mounted.mountpoint, 'big'), sys.O_RDWR);
    expect([size, BYTES]).toContain(sys.fstat(fd).size);
    expect(sys.pread(fd, 64, end - 64)).toEqual(lowerTail(end));
    sys.pwrite(fd, 'Z', 0);
    sys.close(fd);
    sys.truncate(join(mounted.mountpoint, 'big'), size);
    expect(statSync(join(upper, 'big')).size).toBe(size);
    expect(readdirSync(join(base, 'work', 'work'))).toEqual([]);
    expect(copyUpStarted(mounted.server, base)).toBe(false);
  });

  it('leaves no file when the file is unlinked meanwhile', async () => {
    const writer = await start();
    sys.unlink(join(mounted.mountpoint, 'big'));
    await once(writer, 'exit');
    expect(existsSync(join(mounted.mountpoint, 'big'))).toBe(false);
    expect(readdirSync(mounted.mountpoint)).toEqual(['other']);
  });
});
