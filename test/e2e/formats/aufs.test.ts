/**
 * Unions of aufs branches: the effect of branch permissions, the directories that plyfs makes in a branch,
 * `mv`, and messages about options.
 */
import { lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type * as Plyfs from '../../../src/index.js';
import { mountsUnavailable } from '../../harness/mounts.js';
import { run, Sandbox } from '../harness/sandbox.js';

const unavailable = mountsUnavailable();
const library = new URL('../../../dist/index.js', import.meta.url).href;

describe.skipIf(unavailable !== null)(`a union of aufs branches ${unavailable ?? ''}`, () => {
  let box: Sandbox;
  beforeEach(() => {
    box = new Sandbox();
    box.write('base/hidden', 'base');
    box.write('top/.wh.hidden', '');
    box.write('base/d/old', 'base');
    box.write('top/d/.wh..wh..opq', '');
    box.write('top/d/new', 'top');
  });
  afterEach(() => box.dispose());

  /** Mounts, and returns the text on stderr. */
  function mount(options: string): string {
    const { status, stderr } = box.plyfs('mount', '-t', 'aufs', '-o', options, 'none', 'mnt');
    expect([status, stderr.replace(/^plyfs: .*\n/gm, '')]).toEqual([0, '']);
    expect(box.isMounted()).toBe(true);
    return stderr;
  }
  const shown = (path = ''): string[] => readdirSync(box.at(`mnt/${path}`)).sort();
  const bookkeeping = (branch: string): string[] =>
    readdirSync(box.at(branch))
      .filter((name) => name.startsWith('.wh..wh.'))
      .sort();

  it('applies the whiteouts of a branch with ro+wh', () => {
    expect(mount('br:up=rw:top=ro+wh:base=ro+wh,xino=/dev/shm/x,dio,dirperm1')).toBe('');
    expect(shown()).toEqual(['d', 'from-base', 'from-top']);
    expect(shown('d')).toEqual(['new']);
  });

  it('ignores the whiteouts of a branch with plain ro, and does not show them', () => {
    mount('br:up=rw:top=ro:base=ro');
    expect(shown()).toEqual(['d', 'from-base', 'from-top', 'hidden']);
    expect(shown('d')).toEqual(['new', 'old']);
  });

  it('gives lowerdir and upperdir the permissions that Docker gives its branches', () => {
    mount(`lowerdir=${box.at('top')}:${box.at('base')},upperdir=${box.at('up')}`);
    expect(shown('d')).toEqual(['new']);
    rmSync(box.at('mnt/from-base'));
    expect(readdirSync(box.at('up'))).toContain('.wh.from-base');
  });

  it('makes its own directories in the rw branch only', () => {
    mount('br:up=rw:top=ro+wh:base=ro');
    expect(bookkeeping('up')).toEqual(['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']);
    expect([...bookkeeping('top'), ...bookkeeping('base')]).toEqual([]);
  });

  it.each(['br:top=ro+wh:base=ro', 'ro,br:top:base', 'br:top=rw:base=ro+wh,ro'])(
    'is read-only without a writable branch, and changes no branch: %s',
    (options) => {
      mount(options);
      expect(() => writeFileSync(box.at('mnt/x'), '')).toThrow('EROFS');
      expect([...bookkeeping('top'), ...bookkeeping('base')]).toEqual([]);
      // The whiteouts of `top` apply if it is ro+wh or rw.
      expect(shown().includes('hidden')).toBe(options.startsWith('ro,'));
    },
  );

  it('can consist of a rw branch alone', () => {
    mount('br:up');
    writeFileSync(box.at('mnt/x'), 'x');
    expect(shown()).toEqual(['x']);
  });

  it('makes each whiteout a file of its own with nolwh', () => {
    mount('br:up=rw+nolwh:base=ro');
    rmSync(box.at('mnt/hidden'));
    expect(lstatSync(box.at('up/.wh.hidden')).nlink).toBe(1);
  });

  it('makes each new directory opaque with diropq=always', () => {
    mount('br:up=rw:base=ro,diropq=always');
    mkdirSync(box.at('mnt/fresh'));
    expect(readdirSync(box.at('up/fresh'))).toEqual(['.wh..wh..opq']);
  });

  it('lets mv copy a directory that cannot be renamed', () => {
    mount('br:up=rw:top=ro+wh:base=ro+wh');
    const { status } = run('mv', [box.at('mnt/d'), box.at('mnt/moved')]);
    expect([status, shown('moved'), shown()]).toEqual([0, ['new'], ['from-base', 'from-top', 'moved']]);
    expect(readFileSync(box.at('mnt/moved/new'), 'utf8')).toBe('top');
    expect(readdirSync(box.at('up'))).toContain('.wh.d');
  });

  it('lists a name that is too long for aufs, and fails all other operations on it with ENAMETOOLONG', () => {
    const long = 'n'.repeat(244);
    box.write(`base/${long}`, '');
    mount('br:up=rw:base=ro+wh');
    expect(shown()).toContain(long);
    // List with attributes (READDIRPLUS) and without.
    const { stderr } = run('ls', ['-l', box.at('mnt')]);
    expect(stderr).toContain('File name too long');
    expect(() => lstatSync(box.at(`mnt/${long}`))).toThrow('ENAMETOOLONG');
  });

  it('mounts with options that it does not support, and prints a line for each', () => {
    const stderr = mount('br:up=rw:top=rx:base=ro,shwh,create=mfs,workdir=work');
    expect(stderr.split('\n').filter(Boolean)).toHaveLength(4);
    expect(stderr).toContain('branch top: unknown permission rx, taken as ro');
  });

  it.each([
    ['br:up=rw:top=rw', 'plyfs: br: top: only the first branch can be rw here (EINVAL)'],
    ['br:up=rw:nope=ro', 'plyfs: branch: nope: no such file or directory (ENOENT)'],
    ['br:up=rw:top=ro:top=ro', 'plyfs: branch: top: is also lower layer 1 (ELOOP)'],
    ['br:up=rw:up=ro', 'plyfs: branch: up: is also rw branch (ELOOP)'],
    ['br:top=ro:top/d=ro', 'plyfs: branch: top/d: is inside lower layer 1 (ELOOP)'],
    ['dio', 'plyfs: br: missing (EINVAL); give at least one branch'],
  ])('is refused with %s', (options, line) => {
    const { status, stderr } = box.plyfs('mount', '-t', 'aufs', '-o', options, 'none', 'mnt');
    expect([status, stderr.split('\n').length]).toEqual([1, 2]);
    expect(stderr).toContain(line);
    expect(box.isMounted()).toBe(false);
    expect(bookkeeping('up')).toEqual([]);
  });

  it('can be mounted by the library', async () => {
    const { mount: mountTree } = (await import(library)) as typeof Plyfs;
    const tree = await mountTree({
      dialect: 'aufs',
      aufs: { ignoresWhiteouts: [0] },
      lowers: [box.at('top'), box.at('base')],
      upper: box.at('up'),
      mountpoint: box.mountpoint,
    });
    try {
      expect(shown('d')).toEqual(['new', 'old']);
      rmSync(box.at('mnt/hidden'));
      expect(readdirSync(box.at('up'))).toContain('.wh.hidden');
    } finally {
      await tree.unmount();
    }
  });

  it('is described in the help, with -t aufs', () => {
    const { stdout } = box.plyfs('mount', '--help');
    expect(stdout).toContain('br:DIR[=PERM][:DIR...]');
  });
});
