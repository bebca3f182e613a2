/** File systems for layers: in memory, on loop devices with images that are made here, and unions. */
import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './machine/run-program.js';
import {
  kernelOverlayUnavailable,
  mountKernel,
  mountPlyfs,
  mountsUnavailable,
  unmount,
  unmountLayers,
} from './mounts.js';

export interface FileSystem {
  readonly name: string;
  /** True: objects can be changed, so that it can hold an upper layer. */
  readonly writable: boolean;
  /** True: it stores overlay attributes and devices 0:0, so that layers on it can have any content. */
  readonly showsMarks: boolean;
  /** The reason why it cannot be mounted on this machine, or null. */
  unavailable(): string | null;
  /**
   * Mounts a file system of this type with the content of the directory `content`, as far as it can hold
   * that.
   * @param base an empty directory for the image and the mountpoint
   * @param isUpper true: the test changes the content
   */
  mount(content: string, base: string, isUpper?: boolean): MountedFileSystem;
}

export interface MountedFileSystem {
  readonly root: string;
  /** Unmounts, after waiting for the server of a union to close this layer. */
  unmount(): Promise<void>;
}

function typeUnavailable(type: string, program: string | null): string | null {
  const missing = mountsUnavailable();
  if (missing !== null) return missing;
  if (program !== null && spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined) {
    return `${program} is not installed (scripts/setup installs it)`;
  }
  const known = new RegExp(`\\t${type}$`, 'm').test(readFileSync('/proc/filesystems', 'utf8'));
  return known || spawnSync('modprobe', [type], { stdio: 'ignore' }).status === 0 ? null : `this kernel has no ${type}`;
}

/** Mounts `device` on a directory that this makes below `base`. */
function mountAt(base: string, type: string, device: string, options: string): MountedFileSystem {
  const root = join(base, 'root');
  mkdirSync(root);
  runProgram('mount', ['-t', type, '-o', options, device, root]);
  return { root, unmount: () => unmountLayers(root) };
}

/** A file system that a program packs from a directory, and that never changes. */
function packed(
  type: string,
  program: string,
  pack: (content: string, image: string) => readonly string[],
): FileSystem {
  return {
    name: type,
    writable: false,
    showsMarks: true,
    unavailable: () => typeUnavailable(type, program),
    mount(content, base) {
      const image = join(base, 'image');
      runProgram(program, pack(content, image));
      return mountAt(base, type, image, 'loop,ro');
    },
  };
}

/**
 * Copies a directory, without facts that the file system cannot hold, such as attributes. On any other
 * failure, unmounts the file system.
 */
function copyInto(content: string, root: string): void {
  const done = spawnSync('cp', ['-a', `${content}/.`, root], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  const failures = done.stderr.split('\n').filter((line) => line !== '' && !line.endsWith(': Operation not supported'));
  if (done.error === undefined && failures.length === 0) return;
  unmount(root);
  throw new Error(`cp -a: ${done.error ?? failures.join('\n')}`);
}

interface Writable {
  readonly name: string;
  readonly type: string;
  readonly options?: string;
  /** The program that formats an image file, with arguments. Undefined: the file system is in memory. */
  readonly make?: readonly [program: string, ...args: string[]];
}

/** The size of an image: the largest minimum of these file systems (mkfs.xfs: 300 MB). Images are sparse. */
const IMAGE_BYTES = 512 * 1024 * 1024;

function writable({ name, type, options = 'defaults', make }: Writable): FileSystem {
  return {
    name,
    writable: true,
    showsMarks: true,
    unavailable: () => typeUnavailable(type, make?.[0] ?? null),
    mount(content, base) {
      const image = join(base, 'image');
      if (make !== undefined) {
        const fd = openSync(image, 'w');
        ftruncateSync(fd, IMAGE_BYTES);
        closeSync(fd);
        const [program, ...args] = make;
        runProgram(program, [...args, image]);
      }
      const shown = mountAt(
        base,
        type,
        make === undefined ? type : image,
        make === undefined ? options : `loop,${options}`,
      );
      copyInto(content, shown.root);
      return shown;
    },
  };
}

/** A union that has the content in a lower layer, or in its upper if the test changes it. */
function union(name: string, mount: typeof mountKernel, unavailable: () => string | null): FileSystem {
  return {
    name,
    writable: true,
    showsMarks: false,
    unavailable,
    mount(content, base, isUpper = false) {
      const [empty, upper, work, root] = ['empty', 'upper', 'work', 'root'].map((each) => join(base, each)) as [
        string,
        string,
        string,
        string,
      ];
      for (const each of [empty, upper, work, root]) mkdirSync(each);
      const mounted = mount({ lowers: [isUpper ? empty : content], upper, work, mountpoint: root });
      if (isUpper) copyInto(content, root);
      return {
        root,
        async unmount() {
          await unmountLayers(root);
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
    throw new Error(`unknown file system ${name}; known are ${FILE_SYSTEMS.map((each) => each.name).join(', ')}`);
  return found;
}
