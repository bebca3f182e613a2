import { mkdtempSync, openSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BackgroundLog } from '../../../../src/service/pool/background-log.js';
import { waitFor } from '../../../harness/mounts.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'plyfs-log-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

function isOpen(path: string): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === path;
    } catch {
      return false; // The fd of the listing itself.
    }
  });
}

describe('BackgroundLog', () => {
  it('writes the lines in their order, and closes the file after the last one', async () => {
    const file = join(dir, 'log');
    const log = new BackgroundLog(openSync(file, 'a'));
    const lines = Array.from({ length: 50 }, (_, i) => `line ${i}`);
    for (const line of lines) log.add(line);
    log.close();
    await waitFor(() => !isOpen(file), 'the file to be closed');
    const written = readFileSync(file, 'utf8').trimEnd().split('\n');
    expect(written.map((line) => line.replace(/^\S+Z plyfs\[\d+\]: /, ''))).toEqual(lines);
  });

  it('continues after a line that cannot be written', async () => {
    const log = new BackgroundLog(openSync('/dev/full', 'a'));
    log.add('lost');
    log.add('lost too');
    log.close();
    await waitFor(() => !isOpen('/dev/full'), 'the file to be closed');
  });

  it('loses a line that logger(1) cannot get, without an exception', () => {
    const log = new BackgroundLog(undefined);
    // More than MAX_ARG_STRLEN: execve(2) fails with E2BIG, and spawn() throws.
    expect(() => log.add('x'.repeat(200_000))).not.toThrow();
    log.close();
  });

  it('drops lines if the log does not take them', async () => {
    const file = join(dir, 'log');
    const log = new BackgroundLog(openSync(file, 'a'));
    for (let i = 0; i < 5000; i++) log.add(`line ${i}`);
    log.close();
    await waitFor(() => !isOpen(file), 'the file to be closed');
    const count = readFileSync(file, 'utf8').trimEnd().split('\n').length;
    expect(count).toBeGreaterThan(999);
    expect(count).toBeLessThan(5000);
  });
});
