import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CheckedDirectory } from '../../../../src/service/directory/checked-directory.js';
import { ClaimedDirectory } from '../../../../src/service/directory/claimed-directory.js';
import { locateDirectory } from '../../../../src/service/directory/locate-directory.js';
import { makeScratch, removeScratch } from '../../../harness/scratch.js';

const namespace = `${statSync('/proc/self/ns/user').ino}`;
const isInitialRoot =
  process.getuid?.() === 0 && /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));

describe('the path of the directory', () => {
  it('has the user namespace as its name, below PLYFS_SERVICE_DIR', () => {
    expect(locateDirectory({ PLYFS_SERVICE_DIR: '/srv/x', XDG_RUNTIME_DIR: '/run/user/1' })).toEqual({
      base: '/srv/x',
      directory: `/srv/x/${namespace}`,
    });
  });

  it.runIf(isInitialRoot)('is below /run/plyfs for root', () => {
    expect(locateDirectory({ XDG_RUNTIME_DIR: '/run/user/0' }).base).toBe('/run/plyfs');
    expect(locateDirectory({ PLYFS_SERVICE_DIR: '' }).base).toBe('/run/plyfs');
  });
});

describe('a claimed directory', () => {
  let dir: string;
  let base: string;
  let path: { base: string; directory: string };
  beforeEach(() => {
    dir = makeScratch('directory');
    base = join(dir, 'base');
    path = { base, directory: join(base, namespace) };
  });
  afterEach(() => removeScratch(dir));

  it('is made, and has what a service needs', () => {
    const before = process.umask(0o277);
    try {
      const claimed = ClaimedDirectory.claim(path);
      const modeOf = (name: string): number => statSync(join(path.directory, name)).mode & 0o7777;
      expect(modeOf('.')).toBe(0o700);
      expect(modeOf('request')).toBe(0o600);
      expect(statSync(join(path.directory, 'request')).isFIFO()).toBe(true);
      expect(statSync(join(path.directory, 'control')).isSocket()).toBe(true);
      claimed.release();
    } finally {
      process.umask(before);
    }
    expect(readdirSync(path.directory)).toEqual(['lock']);
  });

  it('can be longer than the path of a socket', () => {
    const long = join(dir, 'x'.repeat(200));
    const claimed = ClaimedDirectory.claim({ base: long, directory: join(long, namespace) });
    expect(statSync(join(long, namespace, 'control')).isSocket()).toBe(true);
    claimed.release();
  });

  it('belongs to one service', () => {
    const claimed = ClaimedDirectory.claim(path);
    claimed.writePids({ supervisor: 12, server: 34 });
    expect(() => ClaimedDirectory.claim(path)).toThrow(`serve: ${path.directory}: a service already runs (pid 12)`);
    claimed.removePids();
    expect(() => ClaimedDirectory.claim(path)).toThrow(`serve: ${path.directory}: a service already runs`);
    claimed.release();
    ClaimedDirectory.claim(path).release();
  });

  it('shows the pids of the service', () => {
    const claimed = ClaimedDirectory.claim(path);
    const checked = CheckedDirectory.open(path);
    expect(checked?.readPids()).toBeUndefined();
    claimed.writePids({ supervisor: 12, server: 34 });
    expect(checked?.readPids()).toEqual({ supervisor: 12, server: 34 });
    writeFileSync(join(path.directory, 'pids'), '12');
    expect(checked?.readPids()).toBeUndefined();
    checked?.close();
    claimed.release();
  });

  it('leaves no fd open after a refusal', () => {
    const claimed = ClaimedDirectory.claim(path);
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    for (let i = 0; i < 5; i++) expect(() => ClaimedDirectory.claim(path)).toThrow('already runs');
    expect(count()).toBe(before);
    claimed.release();
    mkdirSync(join(path.directory, 'request'));
    const after = count();
    expect(() => ClaimedDirectory.claim(path)).toThrow(`serve: ${path.directory}: unlink`);
    expect(count()).toBe(after);
  });

  it('is not found before it is made', () => {
    expect(CheckedDirectory.open(path)).toBeUndefined();
    mkdirSync(base, { mode: 0o700 });
    expect(CheckedDirectory.open(path)).toBeUndefined();
  });
});
