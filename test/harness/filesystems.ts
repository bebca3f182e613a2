/** File systems that layers lie on elsewhere: in memory, on loop devices with images made here, and unions. */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  kernelOverlayUnavailable,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmountLayers,
  waitFor,
} from './mounts.js';

export interface FileSystem {
  readonly name: string;
  /** Objects can be changed in it: it can be an upper. */
  readonly writable: boolean;
  /** It has overlay attributes and devices 0:0 of its own, so that layers of any content lie on it. */
  readonly showsMarks: boolean;
  /** Why it cannot be had on this machine, or null. */
  unavailable(): string | null;
  /**
   * Mounts one that has what the directory `content` has, as far as it can hold that.
   * @param base an empty directory for its image and mountpoint
   * @returns its root
   */
  show(content: string, base: string): Shown;
}

export interface Shown {
  readonly root: string;
  /** Waits for the server of a union that had it as a layer to close it. */
  unmount(): Promise<void>;
}

function run(program: string, args: readonly string[]): void {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${done.status}: ${done.stderr.trim()}`);
}

function lacks(type: string, program: string | null): string | null {
  const missing = mountsUnavailable();
  if (missing !== null) return missing;
  if (program !== null && spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined) {
    return `${program} is not installed (scripts/setup installs it)`;
  }
  const known = new RegExp(`\\t${type}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));
  return known || spawnSync('modprobe', [type], { stdio: 'ignore' }).status === 0 ? null : `this kernel has no ${type}`;
}

/** Mounts `device` at a directory made below `base`. */
function mountAt(base: string, type: string, device: string, options: string): Shown {
  const root = join(base, 'root');
  mkdirSync(root);
  run('mount', ['-t', type, '-o', options, device, root]);
  return { root, unmount: () => unmountLayers(root) };
}

/** A file system that is packed from a directory and never changes. */
function packed(
  type: string,
  program: string,
  pack: (content: string, image: string) => readonly string[],
): FileSystem {
  return {
    name: type,
    writable: false,
    showsMarks: true,
    unavailable: () => lacks(type, program),
    show(content, base) {
      const image = join(base, 'image');
      run(program, pack(content, image));
      return mountAt(base, type, image, 'loop,ro');
    },
  };
}

interface Writable {
  readonly name: string;
  readonly type: string;
  readonly options?: string;
  /** Makes the file system in a file; without it, it is one in memory. */
  readonly make?: readonly [program: string, ...args: string[]];
}

/** Sparse, and as large as the most demanding of these file systems wants it (mkfs.xfs: 300 MB). */
const IMAGE_BYTES = 512 * 1024 * 1024;

function writable({ name, type, options = 'defaults', make }: Writable): FileSystem {
  return {
    name,
    writable: true,
    showsMarks: true,
    unavailable: () => lacks(type, make?.[0] ?? null),
    show(content, base) {
      const image = join(base, 'image');
      if (make !== undefined) {
        const fd = openSync(image, 'w');
        ftruncateSync(fd, IMAGE_BYTES);
        closeSync(fd);
        const [program, ...args] = make;
        run(program, [...args, image]);
      }
      const shown = mountAt(
        base,
        type,
        make === undefined ? type : image,
        make === undefined ? options : `loop,${options}`,
      );
      // What the file system cannot hold, such as attributes, stays behind.
      run('cp', ['-a', `${content}/.`, shown.root]);
      return shown;
    },
  };
}

/** A union whose lower layer is the content: what is changed in it goes into an upper of its own. */
function union(name: string, mount: typeof mountKernel, unavailable: () => string | null): FileSystem {
  return {
    name,
    writable: true,
    showsMarks: false,
    unavailable,
    show(content, base) {
      const [upper, work, mountpoint] = ['upper', 'work', 'root'].map((each) => join(base, each)) as [
        string,
        string,
        string,
      ];
      for (const each of [upper, work, mountpoint]) mkdirSync(each);
      const mounted = mount({ lowers: [content], upper, work, mountpoint });
      return {
        root: mountpoint,
        async unmount() {
          await waitFor(
            () => spawnSync('umount', [mountpoint], { stdio: 'ignore' }).status === 0,
            'the layers to be free',
          );
          mounted.unmount();
        },
      };
    },
  };
}

const QUIET_EXT4 = ['-q', '-F', '-E', 'lazy_itable_init=1,lazy_journal_init=1'];

export const FILE_SYSTEMS: readonly FileSystem[] = [
  packed('squashfs', 'mksquashfs', (content, image) => [
    content,
    image,
    '-noappend',
    '-no-progress',
    '-processors',
    '1',
  ]),
  packed('erofs', 'mkfs.erofs', (content, image) => [image, content]),
  writable({ name: 'xfs', type: 'xfs', make: ['mkfs.xfs', '-q'] }),
  writable({ name: 'btrfs', type: 'btrfs', make: ['mkfs.btrfs', '-q'] }),
  writable({ name: 'btrfs noacl', type: 'btrfs', options: 'noacl', make: ['mkfs.btrfs', '-q'] }),
  writable({ name: 'tmpfs', type: 'tmpfs' }),
  writable({ name: 'ramfs', type: 'ramfs' }),
  writable({ name: 'ext4 without filetype', type: 'ext4', make: ['mkfs.ext4', ...QUIET_EXT4, '-O', '^filetype'] }),
  writable({ name: 'ext4 without extents', type: 'ext4', make: ['mkfs.ext4', ...QUIET_EXT4, '-O', '^extents,^64bit'] }),
  union('overlay', mountKernel, kernelOverlayUnavailable),
  union('plyfs', mountPlyfs, mountsUnavailable),
];

export function fileSystem(name: string): FileSystem {
  const found = FILE_SYSTEMS.find((each) => each.name === name);
  if (found === undefined)
    throw new Error(`no file system ${name}; there are ${FILE_SYSTEMS.map((each) => each.name).join(', ')}`);
  return found;
}
