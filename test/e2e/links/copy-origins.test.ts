/**
 * Copy-ups record origins, so that inode numbers and hard links survive a remount. plyfs and the kernel's
 * overlayfs record the same over the same lower layers, and each shows an upper of the other as the other
 * does.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
} from '../../harness/mounts.js';
import { type LayerDirs, makeScratch, removeScratch } from '../../harness/scratch.js';
import * as sys from '../../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const PREFIX = 'trusted.overlay.';
/** An attribute of the kernel for f_fsid, which a FUSE server cannot set. */
const IGNORED = `${PREFIX}uuid`;

type Mount = (dirs: LayerDirs) => Mounted;

/** A script of changes below the mountpoint `at`. */
type Script = (at: string) => void;

const SCRIPTS: Readonly<Record<string, Script>> = {
  'attributes, data, owners and times of all types of objects': (at) => {
    sys.chmod(`${at}/d/file`, 0o600);
    sys.writeFile(`${at}/d/second`, 'new');
    sys.lchown(`${at}/d/symlink`, 1, 1);
    sys.chmod(`${at}/d/fifo`, 0o600);
    sys.chmod(`${at}/d/sub`, 0o700);
    sys.chmod(`${at}/d/sub/deep`, 0o600);
    sys.writeFile(`${at}/d/new`, 'new');
  },
  'renames and links of copies, within a directory and to another': (at) => {
    sys.rename(`${at}/d/file`, `${at}/d/renamed`);
    sys.rename(`${at}/d/second`, `${at}/e/moved`);
    sys.rename(`${at}/d/symlink`, `${at}/symlink`);
    sys.mkdir(`${at}/pure`);
    sys.rename(`${at}/e/moved`, `${at}/pure/moved`);
    sys.link(`${at}/d/fifo`, `${at}/pure/fifo`);
    sys.mkdir(`${at}/pure/empty`);
    sys.writeFile(`${at}/pure/new`, 'new');
    sys.rename(`${at}/pure/new`, `${at}/e/new`);
  },
  'exchanges, replacements and removals': (at) => {
    sys.mkdir(`${at}/p`);
    sys.writeFile(`${at}/p/new`, 'new');
    sys.rename(`${at}/d/file`, `${at}/p/new`, sys.RENAME_EXCHANGE);
    sys.rename(`${at}/d/second`, `${at}/e/third`);
    sys.chmod(`${at}/d/sub/deep`, 0o600);
    sys.unlink(`${at}/d/sub/deep`);
    sys.chmod(`${at}/d/fifo`, 0o600);
    sys.unlink(`${at}/d/fifo`);
    sys.writeFile(`${at}/d/fifo`, 'another');
  },
  'names of a file with several links': (at) => {
    sys.chmod(`${at}/d/hard1`, 0o600);
    sys.writeFile(`${at}/e/hard3`, 'new');
  },
};

/**
 * Makes directories, copies files up in them, lists them, and removes the copies, each in another way. The
 * last directory keeps its copy.
 */
const LOST_COPIES: Script = (at) => {
  for (const name of ['removed', 'left', 'replaced', 'exchanged', 'kept']) sys.mkdir(`${at}/${name}`);
  sys.rename(`${at}/d/file`, `${at}/removed/file`);
  sys.rename(`${at}/d/second`, `${at}/left/second`);
  sys.rename(`${at}/e/third`, `${at}/replaced/third`);
  sys.rename(`${at}/d/fifo`, `${at}/exchanged/fifo`);
  sys.rename(`${at}/d/symlink`, `${at}/kept/symlink`);
  for (const name of ['removed', 'left', 'replaced', 'exchanged', 'kept']) readdirSync(`${at}/${name}`);
  sys.unlink(`${at}/removed/file`);
  sys.rename(`${at}/left/second`, `${at}/kept/second`);
  sys.writeFile(`${at}/replaced/new`, 'new');
  sys.rename(`${at}/replaced/new`, `${at}/replaced/third`);
  sys.writeFile(`${at}/kept/new`, 'new');
  sys.rename(`${at}/kept/new`, `${at}/exchanged/fifo`, sys.RENAME_EXCHANGE);
  sys.unlink(`${at}/kept/second`);
};

/**
 * Changes names of a file with several links in such an order that plyfs and the kernel find each change by
 * its own name.
 */
const LINKS: Script = (at) => {
  sys.unlink(`${at}/d/hard1`);
  sys.chmod(`${at}/d/hard2`, 0o600);
  sys.link(`${at}/d/hard2`, `${at}/e/hard4`);
  sys.rename(`${at}/e/hard3`, `${at}/d/moved`);
  sys.writeFile(`${at}/e/new`, 'new');
  sys.rename(`${at}/e/new`, `${at}/d/hard2`);
  sys.lchown(`${at}/e/soft1`, 1, 1);
  sys.unlink(`${at}/e/soft1`);
};

const OPTIONS = [['redirect_dir=off', 'metacopy=off', 'index=off', 'xino=off'], ['index=on']];

describe.skipIf(unavailable !== null)(`origins of copies${unavailable === null ? '' : `: ${unavailable}`}`, () => {
  let base: string;

  beforeEach(() => {
    base = makeScratch('origins');
    const at = (path: string): string => join(base, path);
    for (const dir of ['l1/d/sub', 'l1/e', 'l2/d/sub', 'l2/e/low', 'merged']) mkdirSync(at(dir), { recursive: true });
    for (const name of ['kernel', 'plyfs']) {
      mkdirSync(at(`${name}/upper`), { recursive: true });
      mkdirSync(at(`${name}/work`));
    }
    for (const file of ['l1/d/file', 'l2/d/second', 'l1/d/sub/deep', 'l2/d/sub/lower', 'l1/e/third', 'l1/d/hard1']) {
      sys.writeFile(at(file), file);
    }
    sys.link(at('l1/d/hard1'), at('l1/d/hard2'));
    sys.link(at('l1/d/hard1'), at('l1/e/hard3'));
    sys.symlink('target', at('l1/d/symlink'));
    sys.symlink('target', at('l1/e/soft1'));
    sys.link(at('l1/e/soft1'), at('l1/e/soft2'));
    sys.mknod(at('l1/d/fifo'), sys.S_IFIFO | 0o644);
  });
  afterEach(() => {
    unmount(join(base, 'merged'));
    removeScratch(base);
  });

  function layers(of: 'kernel' | 'plyfs'): LayerDirs {
    return {
      lowers: [join(base, 'l1'), join(base, 'l2')],
      upper: join(base, of, 'upper'),
      work: join(base, of, 'work'),
      mountpoint: join(base, 'merged'),
    };
  }

  function shown(mounted: Mounted): Record<string, string> {
    try {
      return facts(mounted.mountpoint);
    } finally {
      mounted.unmount();
    }
  }

  /**
   * Runs the script on one program. Returns what this program shows afterwards and the marks on disk. Expects
   * the other program, and the next mount, to show the same.
   */
  function run(
    script: Script,
    of: 'kernel' | 'plyfs',
    options: readonly string[] = OPTIONS[0] ?? [],
  ): [Record<string, string>, Record<string, string>] {
    const programs = [(dirs: LayerDirs) => mountKernel(dirs, options), (dirs: LayerDirs) => mountPlyfs(dirs, options)];
    const [mount, other] = (of === 'kernel' ? programs : programs.reverse()) as [Mount, Mount];
    const mounted = mount(layers(of));
    try {
      script(mounted.mountpoint);
    } catch (error) {
      mounted.unmount();
      throw error;
    }
    const after = shown(mounted);
    const onDisk = { ...marksBelow(join(base, of, 'upper')), ...entriesOf(join(base, of, 'work/index')) };
    expect(shown(other(layers(of))), 'shown by the other program').toEqual(after);
    expect(shown(mount(layers(of))), 'shown at the next mount').toEqual(after);
    return [after, onDisk];
  }

  describe.each(OPTIONS.map((options) => [options.join(','), options] as const))('%s', (_options, options) => {
    const scripts = Object.entries(options.includes('index=on') ? { 'names made and removed': LINKS } : SCRIPTS);
    it.each(scripts)("are the same as the kernel's, and inode numbers last, after: %s", (_title, script) => {
      const [byKernel, onDiskOfKernel] = run(script, 'kernel', options);
      const [byPlyfs, onDiskOfPlyfs] = run(script, 'plyfs', options);
      expect(onDiskOfPlyfs).toEqual(onDiskOfKernel);
      expect(Object.keys(byPlyfs)).toEqual(Object.keys(byKernel));
    });
  });

  it('remove the mark of a directory when it is listed after its last copy was removed', () => {
    const [, byKernel] = run(LOST_COPIES, 'kernel');
    const [, byPlyfs] = run(LOST_COPIES, 'plyfs');
    expect(byPlyfs).toEqual(byKernel);
    const marked = ['removed', 'left', 'replaced', 'exchanged', 'kept'].filter((name) =>
      byPlyfs[`/${name}`]?.includes('impure'),
    );
    expect(marked).toEqual(['kept']);
  });

  it('show a copy that a killed server left without a name by all names, with index=on', () => {
    const [programs, names] = [
      [mountPlyfs, mountKernel],
      ['hard1', 'hard2'],
    ];
    const mounted = mountPlyfs(layers('plyfs'), ['index=on']);
    sys.chmod(`${mounted.mountpoint}/d/hard1`, 0o600);
    mounted.unmount();
    const index = join(base, 'plyfs/work/index');
    sys.setxattr(`${index}/${readdirSync(index)[0]}`, `${PREFIX}nlink`, 'L+0');
    sys.unlink(join(base, 'plyfs/upper/d/hard1'));
    for (const mount of programs) {
      const again = mount(layers('plyfs'), ['index=on']);
      const seen = names
        .map((name) => sys.lstat(`${again.mountpoint}/d/${name}`))
        .map(({ mode, nlink }) => [mode & 0o777, nlink]);
      again.unmount();
      expect(seen, mount.name).toEqual([
        [0o600, 3],
        [0o600, 3],
      ]);
    }
  });

  it('are written without a mark that requires a feature, in a plain mount', () => {
    run(SCRIPTS['exchanges, replacements and removals'] as Script, 'plyfs');
    const marks = Object.values(marksBelow(join(base, 'plyfs/upper'))).join(' ');
    expect(marks).toContain('origin');
    expect(marks).not.toMatch(/redirect|metacopy|nlink/);
  });
});

/**
 * Maps each entry of the index to its private xattrs. Leaves out the attribute that names the upper, and the
 * kernel's whiteout in the index.
 */
function entriesOf(index: string): Record<string, string> {
  if (!existsSync(index)) return {};
  return Object.fromEntries(
    Object.entries(marksBelow(index)).filter(([path]) => path !== '' && !path.startsWith('/#')),
  );
}

/** Maps each path to its inode number (equal by stat and by readdir), links and content. */
function facts(root: string, path = '', found: Record<string, string> = {}): Record<string, string> {
  const fd = sys.open(`${root}/${path}`, sys.O_RDONLY | sys.O_DIRECTORY);
  const entries = sys.getdentsToEnd(fd).sort((a, b) => (a.name < b.name ? -1 : 1));
  sys.close(fd);
  for (const { name, ino } of entries) {
    if (name === '.' || name === '..') continue;
    const at = `${path}/${name}`;
    const stat = sys.lstat(root + at);
    const content = sys.isRegular(stat.mode) ? sys.readFile(root + at) : '';
    found[at] = `${stat.ino} listed as ${ino}, ${stat.nlink} links ${content}`;
    if (sys.isDirectory(stat.mode)) facts(root, at, found);
  }
  return found;
}

/** Maps each path of a tree on disk to its private xattrs. */
function marksBelow(root: string, path = '', found: Record<string, string> = {}): Record<string, string> {
  const own = sys.listxattr(root + path).filter((name) => name.startsWith(PREFIX) && name !== IGNORED);
  found[path] = own
    .sort()
    .map((name) => `${name.slice(PREFIX.length)}=${sys.getxattr(root + path, name).toString('hex')}`)
    .join(' ');
  if (!sys.isDirectory(sys.lstat(root + path).mode)) return found;
  for (const name of readdirSync(root + path)) marksBelow(root, `${path}/${name}`, found);
  return found;
}
