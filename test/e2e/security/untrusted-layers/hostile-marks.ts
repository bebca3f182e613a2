/**
 * Objects of layers that an attacker has made: private marks with invalid values, or with paths that lead out
 * of the layers.
 */
import { join } from 'node:path';
import * as sys from '../../../harness/sys/index.js';
import type { Outside } from './outside.js';

const HUGE = 'x'.repeat(60_000);
const MARK = 'trusted.overlay.';

/** Values of `overlay.redirect`. NAME is replaced by the name of the object itself. */
const REDIRECTS: Readonly<Record<string, string>> = {
  'two up': '../../etc',
  'root and up': '/../..',
  'root and up to a secret': '/../outside/directory',
  parent: '..',
  itself: '.',
  root: '/',
  'two slashes': '//',
  'an empty component': '/plain//deeper',
  'a slash at the end': '/plain/',
  'up on the way': '/plain/../../outside/directory',
  'a dot on the way': '/plain/./deeper',
  'a relative path': 'plain/deeper',
  nothing: '',
  'a NUL': '\0',
  'a NUL inside': 'plain\0x',
  'a long name': 'n'.repeat(255),
  'too long a name': 'n'.repeat(256),
  'too long a path': `/${'deep/'.repeat(900)}end`,
  huge: HUGE,
  'its own name': 'NAME',
  'its own path': '/NAME',
  'a file': '/file',
  'a symlink': '/link',
  'through a symlink': '/link/secret',
  'through a symlink to a directory': '/way-out/secret',
  'through a file': '/file/x',
  'a whiteout': '/white',
  'an absent path': '/absent/path',
  'an ordinary directory': '/plain',
  'a directory below': '/plain/deeper',
  'ring one': '/redirect: ring two',
  'ring two': '/redirect: ring one',
};

const METACOPIES: Readonly<Record<string, string>> = {
  empty: '',
  'one byte': 'x',
  'three bytes': 'xyz',
  'an unknown version': '\xff\x04\x00\x00',
  'a false length': '\x00\xff\x00\x00',
  'a digest': `\x00\x24\x00\x01${'d'.repeat(32)}`,
  huge: HUGE,
};

const ORIGIN_HEADER = (length: number, flags = 0): string => `\x00\xfb${String.fromCharCode(length, flags)}\x01`;
const OTHERS: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  opaque: [
    ['n', 'n'],
    ['nothing', ''],
    ['twice', 'yy'],
    ['huge', HUGE],
  ],
  origin: [
    ['nothing', ''],
    ['one byte', 'x'],
    ['wrong magic', `\x00\x00\x20\x00\x01${'u'.repeat(40)}`],
    ['a length beyond its end', `${ORIGIN_HEADER(0xff)}${'u'.repeat(16)}`],
    ['a length of nothing', ORIGIN_HEADER(0)],
    ['a version to come', `\xff\xfb\x2d\x00\x01${'u'.repeat(40)}`],
    ['no such handle', `${ORIGIN_HEADER(37)}${'u'.repeat(16)}${'h'.repeat(16)}`],
    ['huge', HUGE],
  ],
  impure: [
    ['something else', 'maybe'],
    ['huge', HUGE],
  ],
  nlink: [
    ['many', 'U+99999999999'],
    ['less', 'L-7'],
    ['huge', HUGE],
  ],
  upper: [['garbage', 'garbage']],
  protattr: [
    ['both', 'ai'],
    ['huge', HUGE],
  ],
  uuid: [['three bytes', 'abc']],
  whiteout: [['something', 'y']],
};

/** Makes the objects of a lower layer that the marks refer to. */
export function makeBase(root: string, outside: Outside): void {
  sys.mkdir(join(root, 'plain'));
  sys.writeFile(join(root, 'plain', 'inside'), 'in the base');
  sys.mkdir(join(root, 'plain', 'deeper'));
  sys.writeFile(join(root, 'plain', 'deeper', 'still'), 'deeper in the base');
  sys.writeFile(join(root, 'file'), 'a file of the base');
  sys.symlink(outside.path, join(root, 'link'));
  sys.symlink(outside.directory, join(root, 'way-out'));
  sys.mknod(join(root, 'white'), sys.S_IFCHR);
}

/**
 * Makes an object for each attack in a layer. `base` is the layer below, which has objects of the same names.
 */
export function makeHostile(root: string, base: string, outside: Outside): string[] {
  const names: string[] = [];
  const add = (name: string, make: (path: string, below: string) => void): void => {
    make(join(root, name), join(base, name));
    names.push(name);
  };
  for (const [word, value] of Object.entries(REDIRECTS)) {
    const redirect = (name: string): Buffer => Buffer.from(value.replace('NAME', name), 'latin1');
    add(`redirect: ${word}`, (path) => {
      sys.mkdir(path);
      setMark(path, 'redirect', redirect(`redirect: ${word}`));
    });
    add(`metacopy and redirect: ${word}`, (path) => {
      sparse(path, 20);
      setMark(path, 'metacopy', Buffer.alloc(0));
      setMark(path, 'redirect', redirect(`metacopy and redirect: ${word}`));
    });
    add(`file and redirect: ${word}`, (path) => {
      sys.writeFile(path, 'whole');
      setMark(path, 'redirect', redirect(`file and redirect: ${word}`));
    });
  }
  const DATA: Record<string, (below: string) => void> = {
    'no data': () => {},
    data: (below) => sys.writeFile(below, 'data of the base'),
    'a directory': (below) => sys.mkdir(below),
    'a symlink': (below) => sys.symlink(outside.file, below),
    'a fifo': (below) => sys.mknod(below, sys.S_IFIFO | 0o666),
    'a device': (below) => sys.mknod(below, sys.S_IFCHR | 0o666, 1 * 256 + 5),
    'a whiteout': (below) => sys.mknod(below, sys.S_IFCHR),
  };
  for (const [data, make] of Object.entries(DATA)) {
    for (const [word, value] of Object.entries(METACOPIES)) {
      add(`metacopy: ${word} over ${data}`, (path, below) => {
        make(below);
        sparse(path, data === 'data' && word === 'empty' ? 2 ** 40 : 16);
        setMark(path, 'metacopy', Buffer.from(value, 'latin1'));
      });
    }
  }
  for (const [mark, values] of Object.entries(OTHERS))
    for (const [word, value] of values)
      for (const kind of ['file', 'directory', 'symlink', 'fifo'] as const)
        add(`${mark}: ${word} (${kind})`, (path, below) => {
          for (const at of [path, below]) make(kind, at);
          setMark(path, mark, Buffer.from(value, 'latin1'));
        });
  for (const mark of ['metacopy', 'redirect'])
    for (const kind of ['directory', 'symlink', 'fifo'] as const)
      add(`${mark} of a ${kind}`, (path, below) => {
        for (const at of [path, below]) make(kind, at);
        setMark(path, mark, Buffer.from(mark === 'metacopy' ? '' : '/plain'));
      });
  const WHITEOUTS: Record<string, (path: string) => void> = {
    'with a mode': (path) => sys.mknod(path, sys.S_IFCHR | 0o6777),
    'of a block device': (path) => sys.mknod(path, sys.S_IFBLK),
    'of minor 1': (path) => sys.mknod(path, sys.S_IFCHR, 1),
    'of major 1': (path) => sys.mknod(path, sys.S_IFCHR, 256),
  };
  for (const [word, make] of Object.entries(WHITEOUTS))
    add(`whiteout ${word}`, (path, below) => {
      make(path);
      sys.writeFile(below, 'below');
    });
  const OBJECTS: Record<string, (path: string) => void> = {
    'a fifo': (path) => sys.mknod(path, sys.S_IFIFO | 0o666),
    'a socket': (path) => sys.mknod(path, sys.S_IFSOCK | 0o666),
    'a device': (path) => sys.mknod(path, sys.S_IFCHR | 0o666, 1 * 256 + 5),
    'a link to outside': (path) => sys.symlink(outside.file, path),
    'a link up': (path) => sys.symlink('../../../../../../../etc/passwd', path),
    'a link to itself': (path) => sys.symlink('a link to itself', path),
    'ring link one': (path) => sys.symlink('ring link two', path),
    'ring link two': (path) => sys.symlink('ring link one', path),
  };
  for (const [word, make] of Object.entries(OBJECTS)) add(word, make);
  return names;
}

function make(kind: 'file' | 'directory' | 'symlink' | 'fifo', path: string): void {
  if (kind === 'file') sys.writeFile(path, '');
  else if (kind === 'directory') {
    sys.mkdir(path);
    sys.writeFile(join(path, 'inside'), 'inside');
  } else if (kind === 'symlink') sys.symlink('anywhere', path);
  else sys.mknod(path, sys.S_IFIFO | 0o666);
}

function sparse(path: string, size: number): void {
  sys.writeFile(path, '');
  sys.truncate(path, size);
}

/**
 * Sets a mark. A value that is too large for this file system is cut to one that fits, which is still
 * invalid.
 */
function setMark(path: string, mark: string, value: Buffer): void {
  const result = sys.outcome(() => sys.setxattr(path, MARK + mark, value));
  if (result === 'ENOSPC') sys.setxattr(path, MARK + mark, value.subarray(0, 3000));
  else if (result !== 'ok') throw new Error(`${path}: ${mark}: ${result}`);
}

/**
 * Returns what a tree shows, through its symlinks and down to `depth`: the facts of each path, or the errno.
 */
export function look(root: string, depth = 3): Record<string, string> {
  const seen: Record<string, string> = {};
  const visit = (path: string, left: number): void => {
    const names = listed(path, seen);
    for (const name of names) {
      const inner = path === '/' ? `/${name}` : `${path}/${name}`;
      seen[inner] = facts(inner);
      if (left > 0 && seen[inner]?.startsWith('d')) visit(inner, left - 1);
    }
  };
  sys.insideRoot(root, () => visit('/', depth));
  return seen;
}

function listed(path: string, seen: Record<string, string>): string[] {
  let names: string[] = [];
  const outcome = sys.outcome(() => {
    const fd = sys.open(path, sys.O_RDONLY | sys.O_DIRECTORY);
    try {
      names = sys.getdentsToEnd(fd).map(({ name }) => name);
    } finally {
      sys.close(fd);
    }
  });
  seen[`${path} listed`] = outcome;
  return names.filter((name) => name !== '.' && name !== '..').sort();
}

function facts(path: string): string {
  let told = '';
  const outcome = sys.outcome(() => {
    const { mode, size, rdev } = sys.lstat(path);
    if (sys.isDirectory(mode)) told = 'd';
    else if (sys.isSymlink(mode)) told = `-> ${sys.readlink(path)}`;
    else if (!sys.isRegular(mode)) told = `${mode.toString(8)} ${rdev}`;
    else told = `file of ${size}: ${readable(path)}`;
  });
  return outcome === 'ok' ? told : outcome;
}

function readable(path: string): string {
  let content = '';
  const outcome = sys.outcome(() => {
    const fd = sys.open(path, sys.O_RDONLY | sys.O_NONBLOCK);
    try {
      content = sys.read(fd, 64).toString('latin1');
    } finally {
      sys.close(fd);
    }
  });
  return outcome === 'ok' ? JSON.stringify(content) : outcome;
}

/** All changes of a name. Each can succeed or fail, as the layer's content decides. */
const CHANGES: readonly ((path: string) => unknown)[] = [
  (path) => sys.chmod(path, 0o4755),
  (path) => sys.lchown(path, sys.ALICE, sys.ALICE),
  (path) => sys.utimens(path, { sec: 1, nsec: 1 }, { sec: 2, nsec: 2 }),
  (path) => sys.setxattr(path, 'trusted.mark', 'x'),
  (path) => {
    const fd = sys.open(path, sys.O_WRONLY | sys.O_APPEND | sys.O_NONBLOCK);
    sys.outcome(() => sys.write(fd, 'more'));
    sys.close(fd);
  },
  (path) => sys.writeFile(`${path}/new`, 'new'),
  (path) => sys.link(path, `${path} linked`),
  (path) => sys.rename(path, `${path} renamed`),
  (path) => sys.rename(`${path} renamed`, path),
  (path) => sys.unlink(path),
  (path) => sys.rmdir(path),
];

/** Tries all changes on each name, with the mount as root directory. */
export function changeAll(mountpoint: string, names: readonly string[]): void {
  sys.insideRoot(mountpoint, () => {
    for (const name of names) for (const change of CHANGES) sys.outcome(() => change(`/${name}`));
  });
}

/** Names that are hidden or hide others in the aufs form, and marker files of a type that they never have. */
export const MARKER_NAMES = ['hidden1', 'hidden2', 'hidden3', 'hidden4', 'opaque1', 'opaque2', 'opaque3'];

export function makeMarkerNames(root: string, outside: Outside): void {
  for (const name of ['hidden1', 'hidden2', 'hidden3', 'hidden4'])
    sys.writeFile(join(root, name), 'beside its whiteout');
  sys.mkdir(join(root, '.wh.hidden1'));
  sys.writeFile(join(root, '.wh.hidden1', 'inside'), 'x');
  sys.symlink(outside.directory, join(root, '.wh.hidden2'));
  sys.mknod(join(root, '.wh.hidden3'), sys.S_IFIFO | 0o666);
  sys.mknod(join(root, '.wh.hidden4'), sys.S_IFCHR | 0o666, 1 * 256 + 5);
  for (const name of ['opaque1', 'opaque2', 'opaque3']) sys.mkdir(join(root, name));
  sys.mkdir(join(root, 'opaque1', '.wh..wh..opq'));
  sys.symlink(outside.file, join(root, 'opaque2', '.wh..wh..opq'));
  sys.mknod(join(root, 'opaque3', '.wh..wh..opq'), sys.S_IFIFO | 0o666);
  for (const name of ['.wh.', '.wh..', '.wh...', '.wh..wh.', '.wh..wh..', `.wh.${'n'.repeat(251)}`])
    sys.writeFile(join(root, name), '');
}
