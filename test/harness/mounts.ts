/** Mounts a union with the kernel's overlayfs or with plyfs, and unmounts it even after a failure. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CHECKOUT } from './checkout.js';
import { runProgram } from './machine/run-program.js';
import type { LayerDirs } from './scratch.js';
import * as sys from './sys/index.js';

export interface Mounted {
  readonly mountpoint: string;
  unmount(): void;
}

/**
 * The program under test. PLYFS_PROGRAM names another program with the same command line, to compare with.
 */
export const PLYFS = process.env.PLYFS_PROGRAM ?? join(CHECKOUT, 'bin/plyfs');

/** Without the subcommand `mount`, the command line is that of fuse-overlayfs and has its meaning. */
const COMMAND = process.env.PLYFS_PROGRAM === undefined ? ['mount'] : [];

/** The transport under test, from PLYFS_TRANSPORT. Undefined: the default transport. */
export const TRANSPORT = process.env.PLYFS_TRANSPORT as 'direct' | 'fuse-native' | undefined;

/** The reason why the transport under test cannot run a test that needs `what`, or null. */
export function libfuse2Lacks(what: string): string | null {
  return TRANSPORT === 'fuse-native' ? `libfuse 2 does not carry ${what}` : null;
}

const TRANSPORT_ARGS = TRANSPORT === undefined ? [] : ['-o', `transport=${TRANSPORT}`];

/**
 * Mounts in the background are those of a running service (scripts/with-service.mjs), which serves no other
 * user namespace.
 */
export const USES_SERVICE = process.env.PLYFS_SERVICE === '1' && process.env.PLYFS_IN_NAMESPACE !== '1';

/** The reason why a test of a server that has one mount cannot run, or null. */
export const sharedServer: string | null = USES_SERVICE
  ? 'the server is that of the service, which other tests use'
  : null;

/** Without a service the mount fails, so that a test does not try something else than it should. */
const SERVICE_ARGS = USES_SERVICE ? ['-o', 'service=required'] : [];

/**
 * Seconds after which the connection of a mount is aborted, so that a test which hangs in a system call
 * fails. On a busy machine, all conformance cases of a target take some minutes on one mount.
 */
const GUARD_SECONDS = 600;

export function overlayOptions(layers: LayerDirs, extra: readonly string[] = []): string {
  const options = [`lowerdir=${layers.lowers.join(':')}`];
  if (layers.upper !== null) options.push(`upperdir=${layers.upper}`, `workdir=${layers.work}`);
  return [...options, ...extra].join(',');
}

/** No features, however the kernel is configured. Docker and podman mount with these options. */
const PLAIN = ['redirect_dir=off', 'metacopy=off', 'index=off', 'xino=off'];

/** Options of the kernel's overlayfs that switch the features of `wanted` on and the other ones off. */
export function kernelFeatures(wanted: readonly string[]): string[] {
  const nameOf = (feature: string): string => feature.split('=', 1)[0] ?? feature;
  const said = new Set(wanted.map(nameOf));
  return [...PLAIN.filter((feature) => !said.has(nameOf(feature))), ...wanted];
}

export function mountKernel(layers: LayerDirs, extra: readonly string[] = PLAIN): Mounted {
  sys.mountType('overlay', 'overlay', layers.mountpoint, overlayOptions(layers, extra));
  return { mountpoint: layers.mountpoint, unmount: () => unmount(layers.mountpoint) };
}

/** The layers as aufs branches, with the permissions that Docker gives them. */
export function aufsArguments(layers: LayerDirs, extra: readonly string[] = []): string[] {
  const branches = layers.lowers.map((lower) => `${lower}=ro+wh`);
  if (layers.upper !== null) branches.unshift(`${layers.upper}=rw`);
  return ['-t', 'aufs', '-o', [`br:${branches.join(':')}`, ...extra].join(',')];
}

export function mountPlyfs(layers: LayerDirs, extra: readonly string[] = []): Mounted {
  return mountWith(['-o', overlayOptions(layers, extra)], layers);
}

export function mountAufs(layers: LayerDirs, extra: readonly string[] = []): Mounted {
  return mountWith(aufsArguments(layers, extra), layers);
}

interface BackgroundMount extends Mounted {
  /** The text that the command has written to stderr. */
  readonly said: string;
}

/** @param env with PLYFS_SERVICE_DIR, another service than that of all tests */
export function mountWith(args: readonly string[], layers: LayerDirs, env = process.env): BackgroundMount {
  const said = runProgram(PLYFS, [...COMMAND, ...TRANSPORT_ARGS, ...SERVICE_ARGS, ...args, layers.mountpoint], env);
  const cancelAbort = abortConnectionAfter(layers.mountpoint, GUARD_SECONDS);
  return {
    mountpoint: layers.mountpoint,
    said,
    unmount: () => {
      cancelAbort();
      unmount(layers.mountpoint);
    },
  };
}

/** plyfs in the foreground: a child process, whose pid is the server's. */
export interface ForegroundMount extends Mounted {
  readonly server: ChildProcess;
  /** All that it has written to stderr so far. */
  log(): string;
}

/**
 * Starts `plyfs -f` and waits for the mount.
 * @param program can be a program that becomes plyfs by execve(2), such as prlimit(1)
 */
export async function mountForeground(
  layers: LayerDirs,
  extra: readonly string[] = [],
  args = ['-o', overlayOptions(layers, extra)],
  [program, ...before]: readonly [string, ...string[]] = [PLYFS],
): Promise<ForegroundMount> {
  const server = spawn(program, [...before, ...COMMAND, '-f', ...TRANSPORT_ARGS, ...args, layers.mountpoint], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  server.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  await waitFor(() => {
    if (server.exitCode !== null) throw new Error(`plyfs -f ended with status ${server.exitCode}: ${log}`);
    return isMounted(layers.mountpoint);
  }, `${layers.mountpoint} to be mounted`);
  const cancelAbort = abortConnectionAfter(layers.mountpoint, GUARD_SECONDS);
  return {
    mountpoint: layers.mountpoint,
    server,
    log: () => log,
    unmount: () => {
      cancelAbort();
      unmount(layers.mountpoint);
    },
  };
}

/** Field 5 of mountinfo is the mountpoint with space, tab, newline and backslash in octal (man proc(5)). */
function mountLine(mountpoint: string): string | undefined {
  const escaped = mountpoint.replace(/[ \t\n\\]/g, (c) => `\\${c.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  return lines.reverse().find((line) => line.split(' ')[4] === escaped);
}

export function isMounted(mountpoint: string): boolean {
  return mountLine(mountpoint) !== undefined;
}

/** How often the guard of a mount looks whether the connection still exists, in seconds. */
const GUARD_LOOK = 10;

/**
 * Aborts the mount's FUSE connection after `seconds`, from another process, because a hanging mount can block
 * this one. The kernel gives the number of a connection that has ended to a later one, so the guard compares
 * the inode of its directory, and ends with the connection. It does nothing if fusectl is not mounted.
 * Returns a function that cancels it.
 */
export function abortConnectionAfter(mountpoint: string, seconds: number): () => void {
  const minor = mountLine(mountpoint)?.split(' ')[2]?.split(':')[1];
  const look = Math.min(seconds, GUARD_LOOK);
  const script = `
    inode=$(stat -c %i /sys/fs/fuse/connections/${minor} 2>/dev/null) || exit 0
    left=${seconds}
    while [ "$(stat -c %i /sys/fs/fuse/connections/${minor} 2>/dev/null)" = "$inode" ]; do
      [ $left -gt 0 ] || { echo 1 > /sys/fs/fuse/connections/${minor}/abort; exit; }
      sleep ${look}; left=$((left - ${look}))
    done`;
  const guard = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  guard.unref();
  return () => {
    if (guard.pid === undefined || guard.exitCode !== null) return;
    try {
      // A signal to the process group ends the shell and its sleep.
      process.kill(-guard.pid);
    } catch {
      // ESRCH: the shell has not made its group yet, or has ended.
      guard.kill();
    }
  };
}

/**
 * Unmounts. A busy mount is detached, so that nothing is left behind, and reported: a test left a file open.
 */
export function unmount(mountpoint: string): void {
  if (!isMounted(mountpoint)) return;
  const result = sys.outcome(() => sys.umount(mountpoint));
  if (result === 'ok') return;
  spawnSync('umount', ['-l', mountpoint]);
  throw new Error(`umount ${mountpoint}: ${result}`);
}

/** Unmounts a file system that held layers, after their server, which closes them late, has closed them. */
export async function unmountLayers(mountpoint: string): Promise<void> {
  await waitFor(
    () => !isMounted(mountpoint) || spawnSync('umount', [mountpoint], { stdio: 'ignore' }).status === 0,
    `${mountpoint} to be free`,
  );
}

/** Waits for a condition of which no event reports that it is true, by polling. */
export async function waitFor(condition: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** The reason why this machine cannot run tests on real mounts, or null. */
export function mountsUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  if (!existsSync('/dev/fuse')) return '/dev/fuse is missing';
  return null;
}

/**
 * The reason why the fuse-native transport cannot be tested here, or null. The package and libfuse 2 are
 * optional.
 */
export function fuseNativeUnavailable(): string | null {
  const unavailable = mountsUnavailable() ?? sharedServer;
  if (unavailable !== null) return unavailable;
  try {
    createRequire(import.meta.url)('fuse-native');
    return null;
  } catch (error) {
    return `fuse-native cannot be loaded: ${String(error).split('\n', 1)[0]}`;
  }
}

export function kernelOverlayUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  const known = /\boverlay\b/.test(readFileSync('/proc/filesystems', 'utf8'));
  return known || spawnSync('modprobe', ['overlay']).status === 0 ? null : 'this kernel has no overlayfs';
}
