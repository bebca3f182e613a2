/**
 * What is written down of a copy-up, so that inode numbers and hard links outlive the mount: plyfs and the kernel's
 * overlayfs write the same over the same lower layers, and each shows of the other's upper what that one showed.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  kernelOverlayUnavailable,
  type Mounted,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
} from '../harness/mounts.js';
import { type LayerDirs, makeScratch, removeScratch } from '../harness/scratch.js';
import * as sys from '../harness/sys/index.js';

const unavailable = mountsUnavailable() ?? kernelOverlayUnavailable();
const PREFIX = 'trusted.overlay.';
/** The kernel's own, of a mount: it is for f_fsid, which a FUSE server has no say in. */
const IGNORED = `${PREFIX}uuid`;

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

  /** What is shown after the script, and then by the other one, and what is on disk. */
  function run(script: Script, of: 'kernel' | 'plyfs'): [Record<string, string>, Record<string, string>] {
    const [mount, other] = of === 'kernel' ? [mountKernel, mountPlyfs] : [mountPlyfs, mountKernel];
    const mounted = mount(layers(of));
    try {
      script(mounted.mountpoint);
    } catch (error) {
      mounted.unmount();
      throw error;
    }
    const after = shown(mounted);
    const onDisk = marksBelow(join(base, of, 'upper'));
    expect(shown(other(layers(of))), 'shown by the other one').toEqual(after);
    expect(shown(mount(layers(of))), 'shown at the next mount').toEqual(after);
    return [after, onDisk];
  }

  it.each(Object.entries(SCRIPTS))('%s: the same is written, and the numbers stay', (_title, script) => {
    const [byKernel, onDiskOfKernel] = run(script, 'kernel');
    const [byPlyfs, onDiskOfPlyfs] = run(script, 'plyfs');
    expect(onDiskOfPlyfs).toEqual(onDiskOfKernel);
    expect(Object.keys(byPlyfs)).toEqual(Object.keys(byKernel));
  });

  it('a plain mount writes nothing that says that it cannot be read without a feature', () => {
    run(SCRIPTS['exchanges, replacements and removals'] as Script, 'plyfs');
    const marks = Object.values(marksBelow(join(base, 'plyfs/upper'))).join(' ');
    expect(marks).toContain('origin');
    expect(marks).not.toMatch(/redirect|metacopy|nlink/);
  });
});

/** Path → inode number (the same by stat and by readdir), links, and content. */
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

/** Path → private xattrs of a tree on disk. */
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
