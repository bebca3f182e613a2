/**
 * Hard links of a lower branch that stay one file after a copy-up: also after kill -9, and on disk after the
 * end of the mount.
 */
import { type ChildProcess, spawnSync } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aufsArguments, isMounted, mountsUnavailable, PLYFS, unmount, waitFor } from '../../harness/mounts.js';
import { mountWithOwnServer, type OwnMount } from '../../harness/own-server.js';
import { makeLayerDirs, makeScratch, removeScratch, type WritableLayerDirs } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';
import { ended, startScript } from '../harness/workload.js';

const unavailable = mountsUnavailable();
const FILES = 120;
const MOMENTS = [1, 15, 40, 70, 100];
/** For each number: write through one name, rename another, remove the third. */
const SCRIPT = `
cd "$1"
i=0
while [ $i -lt ${FILES} ]; do
  echo "written $i" >> "d/b$i"
  mv "e/c$i" "d/moved$i"
  rm "a$i"
  i=$((i + 1))
done
`;
const numbers = Array.from({ length: FILES }, (_, i) => i);

describe.skipIf(unavailable !== null)(`pseudo-links${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;
  let layers: WritableLayerDirs;
  let mounted: OwnMount;
  /** Returns a path below the mountpoint, below the upper, or below the one lower branch in use. */
  const shown = (path: string): string => join(layers.mountpoint, path);
  const upper = (path: string): string => join(layers.upper, path);
  const lower = (path: string): string => join(base, 'lower1', path);
  const entries = (): string[] => readdirSync(upper('.wh..wh.plnk'));

  beforeEach(() => {
    base = makeScratch('plinks');
    layers = makeLayerDirs(base);
    for (const name of ['d', 'e']) mkdirSync(lower(name));
    makeLinks('');
  });
  afterEach(() => {
    unmount(layers.mountpoint);
    removeScratch(base);
  });

  function makeLinks(suffix: string): void {
    writeFileSync(lower(`a${suffix}`), 'lower\n');
    linkSync(lower(`a${suffix}`), lower(`d/b${suffix}`));
    linkSync(lower(`a${suffix}`), lower(`e/c${suffix}`));
  }

  async function mount(extra: readonly string[] = []): Promise<void> {
    mounted = await mountWithOwnServer(layers, aufsArguments(layers, extra));
  }

  /** @param busy a process that works on the mount. It fails then, and must end before the unmount. */
  async function kill(busy?: ChildProcess): Promise<void> {
    await mounted.server.kill();
    if (busy !== undefined) expect(await ended(busy)).not.toBe(0);
    mounted.unmount();
  }

  async function ending(end: () => void | Promise<void>): Promise<void> {
    await end();
    await mounted.server.closed();
  }

  function plyfsUmount(): { status: number | null; stderr: string } {
    return spawnSync(PLYFS, ['umount', layers.mountpoint], { encoding: 'utf8' });
  }

  it('show the copy by the other names after kill -9 and a new mount, and are flushed then', async () => {
    await mount();
    const { ino } = statSync(shown('a'));
    sys.writeFile(shown('d/b'), 'copy');
    await kill();
    expect(entries()).toEqual([`${ino}.${statSync(upper('d/b')).ino}`]);
    await mount();
    for (const name of ['e/c', 'a', 'd/b']) {
      expect(readFileSync(shown(name), 'utf8')).toBe('copy');
      expect(statSync(shown(name))).toMatchObject({ ino, nlink: 3 });
    }
    await ending(() => expect(plyfsUmount()).toMatchObject({ status: 0, stderr: '' }));
    expect(entries()).toEqual([]);
    expect(['a', 'd/b', 'e/c'].map((name) => statSync(upper(name)))).toEqual(
      Array.from({ length: 3 }, () => expect.objectContaining({ nlink: 3, ino: statSync(upper('a')).ino })),
    );
  });

  it('are not mistaken for those of another file with the same inode number', async () => {
    await mount();
    sys.writeFile(shown('a'), 'copy');
    await kill();
    const { ino } = statSync(lower('a'));
    for (const name of ['a', 'd/b', 'e/c']) rmSync(lower(name));
    const tried: string[] = [];
    for (let i = 0; i < 200 && statSync(lower('.')).isDirectory(); i++) {
      writeFileSync(lower(`x${i}`), 'other');
      tried.push(`x${i}`);
      if (statSync(lower(`x${i}`)).ino === ino) break;
    }
    const other = tried.at(-1) ?? '';
    linkSync(lower(other), lower('y'));
    await mount();
    expect(['a', other, 'y'].map((name) => readFileSync(shown(name), 'utf8'))).toEqual(['copy', 'other', 'other']);
    expect(statSync(shown(other)).ino).toBe(statSync(shown('y')).ino);
    expect(statSync(shown(other)).ino).not.toBe(statSync(shown('a')).ino);
    await ending(() => mounted.unmount());
    expect(existsSync(upper('y'))).toBe(false);
  });

  it('show the copy by the other names when a branch of another file system was added above', async () => {
    const above = join(base, 'above');
    mkdirSync(above);
    expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', above]).status).toBe(0);
    try {
      await mount();
      sys.writeFile(shown('a'), 'copy');
      await kill();
      const branches = `br:${layers.upper}=rw:${above}=ro:${lower('')}=ro+wh`;
      mounted = await mountWithOwnServer(layers, ['-t', 'aufs', '-o', branches]);
      expect(['d/b', 'e/c'].map((name) => readFileSync(shown(name), 'utf8'))).toEqual(['copy', 'copy']);
      await ending(() => mounted.unmount());
    } finally {
      unmount(layers.mountpoint);
      unmount(above);
    }
  });

  it.each(['ro', 'noplink'])(
    'make a mount with %s warn that other names show old data after kill -9',
    async (option) => {
      await mount();
      sys.writeFile(shown('a'), 'copy');
      await kill();
      await mount([option]);
      expect([readFileSync(shown('a'), 'utf8'), readFileSync(shown('d/b'), 'utf8')]).toEqual(['copy', 'lower\n']);
      await waitFor(() => mounted.log().includes('was not unmounted cleanly'), 'the warning');
      await ending(() => mounted.unmount());
    },
  );

  it.each([
    ['plyfs umount', () => plyfsUmount().status],
    ['umount(8)', () => spawnSync('umount', [layers.mountpoint]).status],
    ['SIGTERM', async () => await mounted.server.terminate().then(() => 0)],
  ])('become links of the upper after %s, in directories that keep their times', async (_, end) => {
    utimesSync(lower('e'), 1000, 2000);
    await mount();
    sys.writeFile(shown('a'), 'copy');
    sys.unlink(shown('d/b'));
    await ending(async () => expect(await end()).toBe(0));
    expect(entries()).toEqual([]);
    expect(statSync(upper('e/c'))).toMatchObject({ ino: statSync(upper('a')).ino, nlink: 2 });
    expect([existsSync(upper('d/b')), statSync(upper('e')).mtimeMs]).toEqual([false, 2_000_000]);
    expect(readFileSync(lower('e/c'), 'utf8')).toBe('lower\n');
  });

  it('are flushed also by an unmount that is refused, and the mount continues', async () => {
    await mount();
    const fd = sys.open(shown('e/c'), sys.O_RDONLY);
    sys.writeFile(shown('a'), 'copy');
    const { ino } = statSync(shown('a'));
    expect(plyfsUmount().status).toBe(1);
    expect([entries(), isMounted(layers.mountpoint)]).toEqual([[], true]);
    sys.writeFile(shown('d/b'), 'again');
    expect([sys.pread(fd, 10, 0).toString(), sys.fstat(fd).nlink, sys.fstat(fd).ino]).toEqual(['again', 3, ino]);
    sys.close(fd);
    await ending(() => expect(plyfsUmount().status).toBe(0));
  });

  it('are kept when a link cannot be made: one line is logged, and the next mount shows the copy', async () => {
    mkdirSync(upper('e'));
    await mount();
    sys.writeFile(shown('a'), 'copy');
    const locked = spawnSync('chattr', ['+i', upper('e')]).status === 0;
    if (locked) {
      await ending(() => {
        const { status, stderr } = plyfsUmount();
        expect([status, stderr.split('\n').length]).toEqual([0, 2]);
        expect(stderr).toMatch(/^plyfs: umount: .*EPERM/);
      });
      expect(entries().length).toBe(1);
      spawnSync('chattr', ['-i', upper('e')]);
      await mount();
      expect(readFileSync(shown('e/c'), 'utf8')).toBe('copy');
    }
    await ending(() => expect(plyfsUmount().status).toBe(0));
    expect(entries()).toEqual([]);
  });

  it('are not made with noplink: a copy-up breaks the links', async () => {
    await mount(['noplink']);
    sys.writeFile(shown('a'), 'copy');
    expect([readFileSync(shown('e/c'), 'utf8'), entries()]).toEqual(['lower\n', []]);
    await ending(() => expect(plyfsUmount().status).toBe(0));
  });

  it.each(MOMENTS)('show the same by all names of a file after kill -9 near change number %i', async (moment) => {
    for (const i of numbers) makeLinks(String(i));
    await mount();
    const script = startScript(`exec 2> /dev/null; ${SCRIPT}`, layers.mountpoint);
    await waitFor(() => existsSync(upper(`d/moved${moment}`)), `number ${moment}`);
    await kill(script);
    await mount();
    const before = numbers.map((i) => checkOne(i));
    expect(before.lastIndexOf('copy')).toBeGreaterThanOrEqual(moment - 1);
    await ending(() => mounted.unmount());
    expect(entries()).toEqual([]);
    await mount();
    expect(numbers.map((i) => checkOne(i))).toEqual(before);
    await ending(() => mounted.unmount());
  });

  /** Expects all names of file `i` to be one file, and returns whether it is the lower one or its copy. */
  function checkOne(i: number): 'lower' | 'copy' {
    const [c, moved] = [existsSync(shown(`e/c${i}`)), existsSync(shown(`d/moved${i}`))];
    expect([c, moved], `number ${i}: moved or not`).toContain(true);
    const names = [`a${i}`, `d/b${i}`, `e/c${i}`, `d/moved${i}`].filter((name) => existsSync(shown(name)));
    const facts = names.map((name) => ({
      ino: statSync(shown(name)).ino,
      content: readFileSync(shown(name), 'utf8'),
    }));
    expect(facts, `number ${i}: ${names}`).toEqual(names.map(() => facts[0]));
    const content = facts[0]?.content ?? '';
    expect(['lower\n', `lower\nwritten ${i}\n`]).toContain(content);
    return content === 'lower\n' ? 'lower' : 'copy';
  }
});
