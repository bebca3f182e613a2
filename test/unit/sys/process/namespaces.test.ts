import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errnoOf } from '../../../../src/server/config/mount-error.js';
import { type CallerPlace, isWorkingDirectoryRemoved, ThreadHome } from '../../../../src/sys/process/namespaces.js';
import { threadIds } from '../../../../src/sys/process/thread.js';

const O_PATH = 0x200000;
const isRoot = process.geteuid?.() === 0;

let base: string;
let ownNamespace: string;
let home: ThreadHome;
let outsider: ChildProcess | undefined;
const opened: number[] = [];

function openPath(path: string, flags = O_PATH): number {
  const fd = openSync(path, flags);
  opened.push(fd);
  return fd;
}

function place(cwd: string, more: Partial<CallerPlace> = {}): CallerPlace {
  return { cwd: openPath(cwd), root: openPath('/'), mountNamespace: undefined, umask: 0, ...more };
}

function placeOfOutsider(): CallerPlace {
  const pid = outsider?.pid ?? 0;
  return {
    cwd: openPath(`/proc/${pid}/cwd`),
    root: openPath(`/proc/${pid}/root`),
    mountNamespace: openPath(`/proc/${pid}/ns/mnt`, constants.O_RDONLY),
    umask: 0,
  };
}

/** Starts a thread as the helper threads of a mount are started. */
function startThread(): Worker {
  return new Worker('setInterval(() => {}, 1000)', { eval: true });
}

function mode(file: string): number {
  writeFileSync(file, '');
  return statSync(file).mode & 0o777;
}

/** A process in a mount namespace of its own, in which only `base` is a tmpfs. */
async function startOutsider(): Promise<ChildProcess> {
  const script = 'mount -t tmpfs tmpfs "$1" && mkdir "$1/inside" && echo ready && exec sleep 1000';
  const child = spawn('unshare', ['-m', 'sh', '-c', script, 'sh', base], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), 'plyfs-place-'));
  mkdirSync(join(base, 'cwd'));
  mkdirSync(join(base, 'root'));
  writeFileSync(join(base, 'plain'), '');
  ownNamespace = readlinkSync('/proc/thread-self/ns/mnt');
  home = ThreadHome.make();
  if (isRoot) outsider = await startOutsider();
});

afterAll(() => {
  for (const fd of opened) closeSync(fd);
  home.close();
  outsider?.kill();
  rmSync(base, { recursive: true });
});

function expectHome(): void {
  expect(readlinkSync('/proc/thread-self/cwd')).toBe('/');
  expect(readlinkSync('/proc/thread-self/root')).toBe('/');
  expect(readlinkSync('/proc/thread-self/ns/mnt')).toBe(ownNamespace);
}

describe('ThreadHome', () => {
  it('gives `body` the working directory and the umask of the caller', () => {
    const made = home.enter(place(join(base, 'cwd'), { umask: 0o027 }), () => mode('file'));
    expect(made).toBe(0o640);
    expect(existsSync(join(base, 'cwd/file'))).toBe(true);
    expectHome();
    expect(mode(join(base, 'later'))).toBe(0o666);
  });

  it('returns if `body` throws', () => {
    expect(() =>
      home.enter(place(join(base, 'cwd')), () => {
        throw new Error('of the body');
      }),
    ).toThrow('of the body');
    expectHome();
  });

  it('notices a working directory that has been removed', () => {
    mkdirSync(join(base, 'gone'));
    const gone = place(join(base, 'gone'));
    expect(home.enter(gone, isWorkingDirectoryRemoved)).toBe(false);
    rmdirSync(join(base, 'gone'));
    expect(home.enter(gone, isWorkingDirectoryRemoved)).toBe(true);
  });

  it.skipIf(!isRoot)('gives `body` the root of the caller', () => {
    const root = openPath(join(base, 'root'));
    home.enter(place(join(base, 'root'), { root }), () => {
      writeFileSync('/at-root', '');
      expect(existsSync('/proc')).toBe(false);
    });
    expect(existsSync(join(base, 'root/at-root'))).toBe(true);
    expectHome();
  });

  it.skipIf(!isRoot)('gives `body` the mount namespace of the caller', () => {
    const theirs = placeOfOutsider();
    home.enter(theirs, () => {
      expect(existsSync(join(base, 'inside'))).toBe(true);
      expect(readFileSync('/proc/thread-self/mountinfo', 'utf8')).toContain(` ${base} `);
    });
    expect(existsSync(join(base, 'inside'))).toBe(false);
    expectHome();
  });

  it.skipIf(!isRoot)(
    'enters and leaves a place although the thread has started others, which stay at home',
    async () => {
      const before = new Set(threadIds());
      const workers = [startThread()];
      const [started] = threadIds().filter((id) => !before.has(id));
      try {
        home.enter(placeOfOutsider(), () => {
          expect(existsSync(join(base, 'inside'))).toBe(true);
          expect(readlinkSync(`/proc/self/task/${started}/ns/mnt`)).toBe(ownNamespace);
          workers.push(startThread());
        });
        expectHome();
        home.enter(place(join(base, 'cwd')), () => {
          expect(readlinkSync(`/proc/self/task/${started}/cwd`)).toBe('/');
        });
        expectHome();
      } finally {
        for (const worker of workers) await worker.terminate();
      }
    },
  );

  it('returns from a place that it cannot enter completely', () => {
    const file = openPath(join(base, 'plain'));
    let errno: number | undefined;
    try {
      home.enter(place(base, { cwd: file }), () => {});
    } catch (error) {
      errno = errnoOf(error);
    }
    expect(errno).toBe(20);
    expectHome();
  });
});
