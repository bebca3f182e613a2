/** Conversion of a layer into the other dialect: it is complete, or leaves nothing behind. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { mountPlyfs, mountsUnavailable, PLYFS, waitFor } from '../../harness/mounts.js';
import { makeLayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import { snapshot } from '../../harness/snapshot.js';
import * as sys from '../../harness/sys/index.js';
import { type Outcome, run } from '../harness/sandbox.js';
import { factsOf } from './layer-facts.js';
import { aufsMarks, buildRichLayer, overlayMarks } from './rich-layer.js';

const unavailable = mountsUnavailable();

/** The directories that aufs keeps in the root of a branch. */
const isBookkeeping = (path: string): boolean => path.startsWith('.wh..wh.');
const isAufsMark = (path: string): boolean => /(^|\/)\.wh\./.test(path);

describe.skipIf(unavailable !== null)(`plyfs convert ${unavailable ?? ''}`, () => {
  let home: string;
  let src: string;
  let dst: string;

  beforeEach(() => {
    home = makeScratch('convert');
    src = join(home, 'src');
    dst = join(home, 'dst');
    mkdirSync(src);
  });
  afterEach(() => removeScratch(home));

  function convert(...args: readonly string[]): Outcome {
    return run(PLYFS, ['convert', ...args]);
  }

  function expectConverted(...args: readonly string[]): void {
    expect(convert(...args)).toEqual({ status: 0, stdout: '', stderr: '' });
  }

  /** Refused with exactly these lines about objects; nothing written, not even DST's name. */
  function expectObstacles(args: readonly string[], obstacles: Readonly<Record<string, string>>): void {
    const before = readdirSync(home);
    const { status, stderr } = convert(...args);
    expect(status).toBe(1);
    for (const [path, why] of Object.entries(obstacles))
      expect(stderr).toContain(`plyfs: convert: ${src}/${path}: ${why}`);
    expect(stderr.trimEnd().split('\n')).toHaveLength(Object.keys(obstacles).length + 1);
    expect(stderr).toContain('nothing was written');
    expect(readdirSync(home)).toEqual(before);
  }

  describe('a layer with one of everything', () => {
    it('is equal after a conversion from overlay to aufs and back', () => {
      buildRichLayer(src, overlayMarks);
      const back = join(home, 'back');
      expectConverted('--to', 'aufs', src, dst);
      expectConverted('--to', 'overlay', dst, back);
      expect(factsOf(back)).toEqual(factsOf(src));
    });

    it('is equal after a conversion from aufs to overlay and back', () => {
      buildRichLayer(src, aufsMarks);
      const back = join(home, 'back');
      expectConverted('--to', 'overlay', src, dst);
      expectConverted('--to', 'aufs', dst, back);
      const [before, after] = [factsOf(src, isAufsMark), factsOf(back, isAufsMark)];
      expect(after).toEqual(before);
      const marks = (root: string): string[] =>
        Object.keys(snapshot(root)).filter((path) => isAufsMark(path) && !isBookkeeping(path));
      expect(marks(back)).toEqual(marks(src));
    });

    it('is not changed, not even its access times', () => {
      buildRichLayer(src, overlayMarks);
      const atimes = (): string[] =>
        ['', 'file', 'symlink', 'dir', 'dir/opaque', 'large'].map((path) => JSON.stringify(sys.lstat(join(src, path))));
      const before = atimes();
      expectConverted('--to', 'aufs', src, dst);
      expect(atimes()).toEqual(before);
      expect(sys.lstat(join(dst, 'file')).atime).toEqual({ sec: 1_000_000_000, nsec: 1 });
    });

    it('gets the marks that aufs itself would write', () => {
      buildRichLayer(src, overlayMarks);
      expectConverted('--to', 'aufs', src, dst);
      const base = sys.lstat(join(dst, '.wh..wh.aufs'));
      expect(base).toMatchObject({ mode: 0o100444, size: 0 });
      for (const path of ['.wh.gone', 'dir/.wh.gone too', 'dir/opaque/.wh..wh..opq']) {
        expect(sys.lstat(join(dst, path)).ino).toBe(base.ino);
      }
      expect(sys.lstat(join(dst, '.wh..wh.plnk')).mode).toBe(0o040700);
      expect(sys.lstat(join(dst, '.wh..wh.orph')).mode).toBe(0o040700);
      expect(sys.listxattr(join(dst, 'dir/opaque'))).toEqual([]);
      expect(existsSync(join(dst, 'gone'))).toBe(false);
    });

    it('shows the same in a union of either dialect', () => {
      buildRichLayer(src, overlayMarks);
      const layers = makeLayerDirs(home);
      const [base = ''] = layers.lowers;
      mkdirSync(join(base, 'dir/opaque'), { recursive: true });
      for (const name of ['gone', 'stays', 'dir/gone too', 'dir/opaque/hidden']) writeFileSync(join(base, name), name);
      const shown = (lowers: readonly string[], ...options: string[]): unknown => {
        const mounted = mountPlyfs({ ...layers, lowers, upper: null }, options);
        try {
          return snapshot(layers.mountpoint);
        } finally {
          mounted.unmount();
        }
      };
      expectConverted('--to', 'aufs', src, dst);
      const overlay = shown([src, base]);
      run(PLYFS, ['mount', '-t', 'aufs', '-o', `br:${dst}=ro+wh:${base}=ro+wh`, layers.mountpoint]);
      try {
        expect(snapshot(layers.mountpoint)).toEqual(overlay);
      } finally {
        run('umount', [layers.mountpoint]);
      }
      expect(Object.keys(overlay as object)).toContain('stays');
      expect(Object.keys(overlay as object)).not.toContain('dir/opaque/hidden');
    });
  });

  describe('the marks of a dialect', () => {
    it('overlay: the attributes of the overlay are not copied, and those of an overlay inside it lose one escape', () => {
      sys.writeFile(`${src}/file`, '');
      sys.setxattr(`${src}/file`, 'trusted.overlay.origin', '');
      mkdirSync(`${src}/nested`);
      sys.setxattr(`${src}/nested`, 'trusted.overlay.impure', 'y');
      sys.setxattr(`${src}/nested`, 'trusted.overlay.overlay.opaque', 'y');
      expectConverted('--to', 'aufs', src, dst);
      expect(sys.listxattr(`${dst}/file`)).toEqual([]);
      expect(sys.listxattr(`${dst}/nested`)).toEqual(['trusted.overlay.opaque']);
      expectConverted('--to', 'overlay', '--from', 'aufs', dst, `${home}/back`);
      expect(sys.listxattr(`${home}/back/nested`)).toEqual(['trusted.overlay.overlay.opaque']);
    });

    it('overlay: marks in the user. namespace are read, and whiteouts that are attributes', () => {
      mkdirSync(`${src}/opaque`);
      sys.setxattr(`${src}/opaque`, 'user.overlay.opaque', 'y');
      sys.writeFile(`${src}/gone`, '');
      sys.setxattr(`${src}/gone`, 'user.overlay.whiteout', '');
      expectConverted('--to', 'aufs', src, dst);
      expect(readdirSync(dst).sort()).toEqual(['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk', '.wh.gone', 'opaque']);
      expect(readdirSync(`${dst}/opaque`)).toEqual(['.wh..wh..opq']);
    });

    it('overlay: marks are written in the user. namespace on request', () => {
      mkdirSync(`${src}/opaque`);
      aufsMarks.opaque(`${src}/opaque`);
      expectConverted('--to', 'overlay', '--xattrs', 'user', src, dst);
      expect(sys.listxattr(`${dst}/opaque`)).toEqual(['user.overlay.opaque']);
    });

    it('aufs: the files of aufs itself are not copied, and hard links stay one file', () => {
      mkdirSync(`${src}/.wh..wh.plnk`);
      mkdirSync(`${src}/.wh..wh.orph`);
      sys.writeFile(`${src}/.wh..wh.aufs`, '');
      sys.writeFile(`${src}/one`, 'shared');
      sys.link(`${src}/one`, `${src}/two`);
      expectConverted('--to', 'overlay', src, dst);
      expect(readdirSync(dst).sort()).toEqual(['one', 'two']);
      expect(sys.lstat(`${dst}/one`)).toMatchObject({ nlink: 2, ino: sys.lstat(`${dst}/two`).ino });
    });

    it('aufs: an entry beside its own whiteout is visible, and opaque if it is a directory', () => {
      sys.writeFile(`${src}/file`, 'here');
      aufsMarks.whiteout(src, 'file');
      mkdirSync(`${src}/dir`);
      aufsMarks.whiteout(src, 'dir');
      expectConverted('--to', 'overlay', src, dst);
      expect(readdirSync(dst).sort()).toEqual(['dir', 'file']);
      expect(sys.readFile(`${dst}/file`)).toBe('here');
      expect(sys.getxattr(`${dst}/dir`, 'trusted.overlay.opaque').toString()).toBe('y');
    });

    it('whiteouts in an opaque directory are not copied: they hide nothing', () => {
      mkdirSync(`${src}/opaque/inner`, { recursive: true });
      aufsMarks.opaque(`${src}/opaque`);
      aufsMarks.whiteout(`${src}/opaque`, 'useless');
      aufsMarks.whiteout(`${src}/opaque/inner`, 'useless');
      expectConverted('--to', 'overlay', src, dst);
      expect(Object.keys(snapshot(dst))).toEqual(['.', 'opaque', 'opaque/inner']);
    });

    it('fuse-overlayfs: the marks of both dialects become marks of one', () => {
      const marks = (): void => {
        mkdirSync(`${src}/opaque`);
        overlayMarks.opaque(`${src}/opaque`);
        aufsMarks.opaque(`${src}/opaque`);
        mkdirSync(`${src}/foreign`);
        sys.setxattr(`${src}/foreign`, 'user.fuseoverlayfs.opaque', 'y');
        overlayMarks.whiteout(src, 'device');
        aufsMarks.whiteout(src, 'file');
      };
      marks();
      expectConverted('--to', 'overlay', '--from', 'fuse-overlayfs', src, dst);
      expect(Object.keys(snapshot(dst)).sort()).toEqual(['.', 'device', 'file', 'foreign', 'opaque']);
      expect(sys.lstat(`${dst}/file`)).toMatchObject({ mode: 0o020000, rdev: '0:0' });
      for (const name of ['opaque', 'foreign'])
        expect(sys.listxattr(`${dst}/${name}`)).toEqual(['trusted.overlay.opaque']);
    });
  });

  describe('a layer that cannot be converted', () => {
    it('is refused with the reason for each object, before anything is written', () => {
      sys.writeFile(`${src}/.wh.reserved`, '');
      sys.writeFile(`${src}/${'n'.repeat(243)}`, '');
      sys.writeFile(`${src}/${'n'.repeat(242)}`, '');
      overlayMarks.whiteout(src, 'w'.repeat(243));
      sys.writeFile(`${src}/part`, '');
      sys.setxattr(`${src}/part`, 'trusted.overlay.metacopy', '');
      mkdirSync(`${src}/moved`);
      sys.setxattr(`${src}/moved`, 'trusted.overlay.redirect', '/from/here');
      expectObstacles(['--to', 'aufs', src, dst], {
        '.wh.reserved': 'aufs reserves names that start with .wh.',
        ['n'.repeat(243)]: 'a name of 243 bytes, and aufs has at most 242',
        ['w'.repeat(243)]: 'its whiteout: a name of 243 bytes',
        part: 'part of it is in another layer (trusted.overlay.metacopy',
        moved: 'part of it is in another layer (trusted.overlay.redirect',
      });
    });

    it('to overlay: has a device 0:0, a whiteout that is no file, or an attribute whose escaped name is too long', () => {
      sys.writeFile(`${src}/file`, '');
      sys.setxattr(`${src}/file`, `trusted.overlay.${'x'.repeat(235)}`, '');
      overlayMarks.whiteout(src, 'device');
      mkdirSync(`${src}/.wh.directory`);
      expectObstacles(['--to', 'overlay', src, dst], {
        device: 'a character device 0:0, which overlay takes for a whiteout',
        directory: 'its whiteout: it is not a regular file',
        file: `the name of its attribute trusted.overlay.${'x'.repeat(235)} would become too long`,
      });
    });

    it('is in the form of the target already', () => {
      mkdirSync(`${src}/opaque`);
      overlayMarks.opaque(`${src}/opaque`);
      expectObstacles(['--to', 'overlay', src, dst], {
        opaque: 'an opaque directory of an overlay (trusted.overlay.opaque); give the dialect',
      });
    });

    it('has marks in both namespaces of overlay attributes, unless --xattrs chooses one', () => {
      mkdirSync(`${src}/opaque`);
      overlayMarks.opaque(`${src}/opaque`);
      sys.setxattr(`${src}/opaque`, 'user.overlay.opaque', 'y');
      expectObstacles(['--to', 'aufs', src, dst], { opaque: 'the layer has marks in both trusted.overlay. and user.' });
      expectConverted('--to', 'aufs', '--xattrs', 'trusted', src, dst);
      expect(sys.listxattr(`${dst}/opaque`)).toEqual(['user.overlay.opaque']);
    });

    it.each(['aufs', 'fuse-overlayfs'])(
      'from %s: has pseudo-links, whose entry can be the only name of a file',
      (from) => {
        mkdirSync(`${src}/.wh..wh.plnk`);
        sys.writeFile(`${src}/.wh..wh.plnk/12.34`, 'changed through a name in a lower layer');
        expectObstacles(['--to', 'overlay', '--from', from, src, dst], {
          '.wh..wh.plnk': 'pseudo-links that were not flushed; mount the layer once with -t aufs',
        });
      },
    );

    it('has immutable objects, also those that are immutable for an overlay only', () => {
      sys.writeFile(`${src}/file`, '');
      sys.writeFile(`${src}/protected`, '');
      sys.setxattr(`${src}/protected`, 'trusted.overlay.protattr', 'i');
      expect(spawnSync('chattr', ['+i', `${src}/file`]).status).toBe(0);
      expectObstacles(['--to', 'aufs', src, dst], {
        file: 'immutable or append-only',
        protected: "immutable or append-only for the kernel's overlay alone",
      });
    });
  });

  describe('SRC and DST', () => {
    const refuses = (args: readonly string[], line: string): void => {
      const before = readdirSync(home, { recursive: true }).sort();
      const { status, stderr } = convert('--to', 'aufs', ...args);
      expect(stderr).toBe(`plyfs: ${line}\n`);
      expect(status).toBe(1);
      expect(readdirSync(home, { recursive: true }).sort()).toEqual(before);
    };

    it('DST is a free name, or an empty directory', () => {
      sys.writeFile(`${src}/file`, 'content');
      mkdirSync(dst);
      expectConverted('--to', 'aufs', src, `${dst}/`);
      expect(sys.readFile(`${dst}/file`)).toBe('content');
      refuses([src, dst], `DST: ${dst}: exists, and is not empty (ENOTEMPTY)`);
      refuses([src, `${src}/file`], `DST: ${src}/file: exists, and is not a directory (EEXIST)`);
      refuses([src, `${home}/no/where`], `DST: ${home}/no/where: its parent directory cannot be opened (ENOENT)`);
    });

    it('neither is inside the other', () => {
      mkdirSync(`${src}/inner`);
      refuses([src, `${src}/inner/new`], `DST: ${src}/inner/new: is inside SRC (EINVAL)`);
      refuses([dst, `${home}/new`], `SRC: ${dst}: no such file or directory (ENOENT)`);
      mkdirSync(dst);
      refuses([dst, dst], `DST: ${dst}: is SRC itself (EINVAL)`);
    });

    it('SRC is not removed as the remains of a killed conversion', () => {
      const left = `${home}/.plyfs-convert.dst`;
      mkdirSync(`${left}/inner`, { recursive: true });
      sys.writeFile(`${left}/inner/file`, '');
      const refusal = (source: string): string =>
        `SRC: ${source}: is ${left} or inside it, where the new layer would be written (EINVAL); choose another DST`;
      for (const source of [left, `${left}/inner`]) refuses([source, dst], refusal(source));
    });

    it('an object in the way of the new layer is named', () => {
      const left = `${home}/.plyfs-convert.dst`;
      mkdirSync(`${left}/mnt`, { recursive: true });
      expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', `${left}/mnt`]).status).toBe(0);
      try {
        writeFileSync(`${left}/mnt/file`, '');
        const { status, stderr } = convert('--to', 'aufs', src, dst);
        expect(stderr).toContain(`plyfs: convert: ${left}/mnt: cannot be removed: something is mounted there (EXDEV)`);
        expect(status).toBe(1);
        expect(existsSync(`${left}/mnt/file`)).toBe(true);
      } finally {
        spawnSync('umount', [`${left}/mnt`]);
      }
    });

    it('mounts inside SRC are not a part of it', () => {
      mkdirSync(`${src}/point`);
      expect(spawnSync('mount', ['-t', 'tmpfs', 'tmpfs', `${src}/point`]).status).toBe(0);
      try {
        writeFileSync(`${src}/point/foreign`, '');
        expectConverted('--to', 'aufs', src, dst);
        expect(readdirSync(`${dst}/point`)).toEqual([]);
      } finally {
        spawnSync('umount', [`${src}/point`]);
      }
    });

    it('the layer does not inherit an ACL of the parent directory of DST', () => {
      sys.writeFile(`${src}/file`, '');
      sys.setxattr(home, 'system.posix_acl_default', sys.acl(`u::rwx user:${sys.ALICE}:rwx g::r-x m::rwx o::r-x`));
      expectConverted('--to', 'aufs', src, dst);
      expect(sys.listxattr(dst)).toEqual([]);
      expect(sys.listxattr(`${dst}/file`)).toEqual([]);
    });
  });

  describe('the command', () => {
    it('shows its progress on one line of the terminal, and clears it', () => {
      sys.writeFile(`${src}/file`, 'content');
      const { stdout } = run('script', ['-qec', `"${PLYFS}" convert --to aufs "${src}" "${dst}"`, '/dev/null']);
      const texts = stdout.split('\r\u001b[K');
      expect(texts[1]).toMatch(/^checking: \d objects$/);
      expect(texts).toContainEqual(expect.stringMatching(/^converting: \d of 2 objects, \d B of 7 B$/));
      expect(texts.at(-1)).toBe('plyfs: 2 objects, 7 B\r\n');
    });

    it('prints what was done as JSON', () => {
      sys.writeFile(`${src}/file`, 'content');
      sys.link(`${src}/file`, `${src}/same`);
      overlayMarks.whiteout(src, 'gone');
      const { stdout } = convert('--to', 'aufs', '--json', src, dst);
      expect(JSON.parse(stdout)).toEqual({
        converted: true,
        directories: 1,
        files: 1,
        symlinks: 0,
        special: 0,
        hardLinks: 1,
        whiteouts: 1,
        opaque: 0,
        bytes: 7,
      });
    });

    it('prints what prevents it as JSON', () => {
      sys.writeFile(`${src}/.wh.x`, '');
      const { stdout, status } = convert('--to', 'aufs', '--json', src, dst);
      expect(status).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ converted: false, obstacleCount: 1, obstacles: [{ path: '.wh.x' }] });
    });

    it('prints as JSON why it was refused before it began', () => {
      expect(convert('--to', 'aufs', src, dst).status).toBe(0);
      writeFileSync(`${dst}/file`, '');
      for (const [source, destination, code, what] of [
        [src, dst, 'ENOTEMPTY', dst],
        [`${src}-missing`, `${dst}2`, 'ENOENT', `${src}-missing`],
      ] as const) {
        const { stdout, stderr, status } = convert('--to', 'aufs', '--json', source, destination);
        const answer = JSON.parse(stdout) as { error: string };
        expect([status, answer]).toEqual([1, { converted: false, error: expect.stringContaining(what), code }]);
        expect(stderr).toBe(`plyfs: ${answer.error}\n`);
      }
    });

    it.each([
      [['--to', 'aufs'], 'missing SRC'],
      [['--to', 'aufs', 'src'], 'missing DST'],
      [['--to', 'foo', 'src', 'dst'], "option '--to <form>' argument 'foo' is invalid"],
      [['src', 'dst'], '--to is missing'],
      [['--to', 'aufs', '--wibble', 'src', 'dst'], "unknown option '--wibble'"],
    ])('prints as JSON that the command line is wrong: %j', (args, line) => {
      const { stdout, stderr, status } = convert('--json', ...args);
      const answer = JSON.parse(stdout) as { error: string };
      expect([status, answer]).toEqual([2, { converted: false, error: expect.stringContaining(line) }]);
      expect(stderr).toBe(`plyfs: ${answer.error}\n`);
      expect(answer.error).toContain('; see plyfs convert --help');
    });

    it('reports a misspelt option before a missing one', () => {
      for (const args of [['--hepl'], ['--hepl', src, dst], ['--form', 'aufs', src, dst]]) {
        const line = `plyfs: unknown option '${args[0]}'`;
        expect(convert(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(line) });
      }
    });

    it('needs --to, and refuses a conversion into the form of SRC', () => {
      expect(convert(src, dst)).toMatchObject({ status: 2, stderr: expect.stringContaining('--to') });
      expect(convert('--to', 'zfs', src, dst)).toMatchObject({ status: 2 });
      expect(convert('--to', 'aufs', '--from', 'aufs', src, dst)).toMatchObject({ status: 2 });
    });

    it('leaves nothing behind when it is interrupted, and removes the remains of a killed one', async () => {
      for (let i = 0; i < 4000; i++) writeFileSync(`${src}/file${i}`, 'x');
      const staged = `${home}/.plyfs-convert.dst`;
      const start = async () => {
        const child = spawn(PLYFS, ['convert', '--to', 'aufs', src, dst], { stdio: 'ignore' });
        const ended = new Promise((resolve) => child.once('exit', (status, signal) => resolve(status ?? signal)));
        await waitFor(() => existsSync(staged) && readdirSync(staged).length > 100, 'the conversion to write');
        return { child, ended };
      };
      const interrupted = await start();
      interrupted.child.kill('SIGINT');
      expect(await interrupted.ended).toBe(1);
      expect(readdirSync(home)).toEqual(['src']);

      const killed = await start();
      killed.child.kill('SIGKILL');
      await killed.ended;
      expect(readdirSync(home).sort()).toEqual(['.plyfs-convert.dst', 'src']);

      expectConverted('--to', 'aufs', '--volatile', src, dst);
      expect(readdirSync(home).sort()).toEqual(['dst', 'src']);
    });

    it('run twice at once with the same DST, writes it completely once and is refused once', async () => {
      for (let i = 0; i < 300; i++) writeFileSync(`${src}/file${i}`, 'x');
      const start = (name: string): Promise<number | null> => {
        const args = ['convert', '--to', 'overlay', '--volatile', src, join(home, name)];
        const child = spawn(PLYFS, args, { stdio: 'ignore' });
        return new Promise((resolve) => child.once('exit', (status) => resolve(status)));
      };
      for (let round = 0; round < 8; round++) {
        const statuses = await Promise.all([start(`dst${round}`), start(`dst${round}`)]);
        expect(statuses.sort()).toEqual([0, 1]);
        expect(readdirSync(join(home, `dst${round}`))).toHaveLength(300);
        expect(readdirSync(home).filter((name) => name.startsWith('.'))).toEqual([]);
      }
    });

    it('leaves nothing behind when the disk is full, and names the full place', () => {
      const small = join(home, 'small');
      mkdirSync(small);
      sys.writeFile(`${src}/large`, Buffer.alloc(4 << 20, 1));
      expect(spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', small]).status).toBe(0);
      try {
        const { status, stderr } = convert('--to', 'aufs', src, `${small}/dst`);
        expect(stderr).toMatch(/^plyfs: convert: [a-z_]+: .*\/small\/dst: no space left on device \(ENOSPC\)\n$/);
        expect(status).toBe(1);
        expect(readdirSync(small)).toEqual([]);
      } finally {
        spawnSync('umount', [small]);
      }
    });

    it.each([0o077, 0o777, 0])('writes marks of the same modes under the umask %o', (umask) => {
      overlayMarks.whiteout(src, 'gone');
      const command = `umask ${umask.toString(8)}; exec "${PLYFS}" convert --to aufs "${src}" "${dst}"`;
      expect(run('sh', ['-c', command])).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(sys.lstat(`${dst}/.wh.gone`).mode).toBe(0o100444);
      for (const name of ['.wh..wh.plnk', '.wh..wh.orph']) expect(sys.lstat(`${dst}/${name}`).mode).toBe(0o040700);
    });

    it('fails when it cannot write its JSON', () => {
      const { status, stderr } = run('sh', ['-c', `"${PLYFS}" convert --to aufs --json "${src}" "${dst}" > /dev/full`]);
      expect(stderr).toBe('plyfs: stdout: no space left on device (ENOSPC)\n');
      expect(status).toBe(1);
    });

    it('names DST when it cannot be written', () => {
      const locked = join(home, 'locked');
      mkdirSync(locked);
      for (const path of [src, locked]) sys.chown(path, sys.ALICE, sys.STAFF);
      sys.chmod(locked, 0o555);
      sys.chmod(home, 0o755);
      const { stderr } = asAlice('--to', 'aufs', src, `${locked}/dst`);
      expect(stderr).toBe(`plyfs: convert: mkdirat: ${locked}/dst: permission denied (EACCES)\n`);
    });

    it('removes directories that an ordinary user cannot write to, and reports the first failure', () => {
      mkdirSync(`${src}/a/b`, { recursive: true });
      sys.writeFile(`${src}/a/b/file`, '');
      const left = `${home}/.plyfs-convert.dst`;
      mkdirSync(`${left}/a`, { recursive: true });
      sys.writeFile(`${left}/a/file`, '');
      for (const path of [home, src, `${src}/a`, `${src}/a/b`, `${src}/a/b/file`, left, `${left}/a`, `${left}/a/file`])
        sys.chown(path, sys.ALICE, sys.STAFF);
      for (const path of [`${left}/a`, left, `${src}/a/b`, `${src}/a`, src]) sys.chmod(path, 0o555);
      expect(asAlice('--to', 'aufs', src, dst)).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(sys.lstat(`${dst}/a/b`).mode).toBe(0o040555);

      sys.writeFile(`${src}/z`, '', 0o000);
      sys.chown(`${src}/z`, sys.ALICE, sys.STAFF);
      const { stderr, status } = asAlice('--to', 'aufs', src, join(home, 'other'));
      expect(stderr).toBe(`plyfs: convert: openat: ${src}/z: permission denied (EACCES)\n`);
      expect(status).toBe(1);
      expect(readdirSync(home).sort()).toEqual(['dst', 'src']);
    });

    it('fails with one line if a layer is deeper than any path', () => {
      const script = "import os\nfor _ in range(7000):\n    os.mkdir('d'); os.chdir('d')\n";
      expect(spawnSync('python3', ['-c', script], { cwd: src }).status).toBe(0);
      try {
        const { stderr, status } = convert('--to', 'aufs', src, dst);
        expect(stderr).toMatch(/^plyfs: convert: deeper than 2048 directories: .* \(ENAMETOOLONG\)\n$/);
        expect(stderr.length).toBeLessThan(3000);
        expect(status).toBe(1);
        expect(readdirSync(home)).toEqual(['src']);
      } finally {
        // rmSync() uses whole paths, which would be too long.
        spawnSync('rm', ['-rf', src]);
      }
    });

    const asAlice = (...args: readonly string[]): Outcome =>
      run(PLYFS, ['convert', ...args], { uid: sys.ALICE, gid: sys.STAFF });

    it('as an ordinary user, refuses objects of other users', () => {
      sys.writeFile(`${src}/file`, '');
      sys.chown(home, sys.ALICE, sys.STAFF);
      sys.chown(src, sys.ALICE, sys.STAFF);
      const { status, stderr } = run(PLYFS, ['convert', '--to', 'aufs', src, dst], { uid: sys.ALICE, gid: sys.STAFF });
      expect(stderr).toContain(`${src}/file: its owner is 0, and only root can set that owner on a copy`);
      expect(status).toBe(1);
      sys.chown(`${src}/file`, sys.ALICE, sys.STAFF);
      expect(run(PLYFS, ['convert', '--to', 'aufs', src, dst], { uid: sys.ALICE, gid: sys.STAFF }).status).toBe(0);
      expect(sys.lstat(`${dst}/file`).uid).toBe(sys.ALICE);
    });
  });
});
