/** Mounting a union with the kernel's overlayfs or with plyfs, and taking it down again whatever happened. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { CHECKOUT } from './checkout.js';
import type { LayerDirs } from './scratch.js';
import * as sys from './sys/index.js';

export interface Mounted {
  readonly mountpoint: string;
  unmount(): void;
}

/** The program under test. PLYFS_PROGRAM names another one that takes the same arguments, to compare with. */
export const PLYFS = process.env.PLYFS_PROGRAM ?? join(CHECKOUT, 'bin/plyfs');

/** Without it the command line is that of fuse-overlayfs, and means what that does by it. */
const COMMAND = process.env.PLYFS_PROGRAM === undefined ? ['mount'] : [];

/** The transport under test, by PLYFS_TRANSPORT; undefined: the default one. */
export const TRANSPORT = process.env.PLYFS_TRANSPORT as 'direct' | 'fuse-native' | undefined;

/** Why a test cannot run over the transport under test, if `what` is needed for it; or null. */
export function libfuse2Lacks(what: string): string | null {
  return TRANSPORT === 'fuse-native' ? `libfuse 2 does not carry ${what}` : null;
}

const TRANSPORT_ARGS = TRANSPORT === undefined ? [] : ['-o', `transport=${TRANSPORT}`];

/**
 * How long a mount may live before its connection is aborted: a test that hangs in a system call then fails.
 */
const GUARD_SECONDS = 240;

function run(program: string, args: readonly string[]): void {
  const done = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'ignore', 'pipe'] });
  if (done.error !== undefined) throw done.error;
  if (done.status !== 0) throw new Error(`${program} ${args.join(' ')}: status ${done.status}: ${done.stderr.trim()}`);
}

export function overlayOptions(layers: LayerDirs, extra: readonly string[] = []): string {
  const options = [`lowerdir=${layers.lowers.join(':')}`];
  if (layers.upper !== null) options.push(`upperdir=${layers.upper}`, `workdir=${layers.work}`);
  return [...options, ...extra].join(',');
}

/** Without features, however the kernel is configured: what Docker and podman use. */
const PLAIN = ['redirect_dir=off', 'metacopy=off', 'index=off', 'xino=off'];

/** What the kernel is told of features: `wanted` ones, and that it is to do without the others. */
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

function mountWith(args: readonly string[], layers: LayerDirs): Mounted {
  run(PLYFS, [...COMMAND, ...TRANSPORT_ARGS, ...args, layers.mountpoint]);
  const guard = guardConnection(layers.mountpoint);
  return {
    mountpoint: layers.mountpoint,
    unmount: () => {
      guard.kill();
      unmount(layers.mountpoint);
    },
  };
}

/** plyfs in the foreground, as a child whose pid is the server's. */
export interface ForegroundMount extends Mounted {
  readonly server: ChildProcess;
  /** Everything it wrote to stderr so far. */
  log(): string;
}

/**
 * Starts `plyfs -f` and waits until the mount is there.
 * @param program may be one that goes on as plyfs, such as prlimit(1)
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
  const guard = guardConnection(layers.mountpoint);
  return {
    mountpoint: layers.mountpoint,
    server,
    log: () => log,
    unmount: () => {
      guard.kill();
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

/** Aborts the mount's FUSE connection after a while, from a process that a hanging test cannot hold up. */
function guardConnection(mountpoint: string): ChildProcess {
  const minor = mountLine(mountpoint)?.split(' ')[2]?.split(':')[1];
  const script = `sleep ${GUARD_SECONDS}; echo 1 > /sys/fs/fuse/connections/${minor}/abort`;
  // `exec -a`-less and alone in its group: killing the shell's group takes the sleep with it.
  const guard = spawn('sh', ['-c', script], { stdio: 'ignore', detached: true });
  guard.unref();
  const kill = guard.kill.bind(guard);
  guard.kill = (signal) => {
    if (guard.pid === undefined || guard.exitCode !== null) return false;
    try {
      return process.kill(-guard.pid, signal ?? 'SIGTERM');
    } catch {
      return kill(signal);
    }
  };
  return guard;
}

/**
 * Unmounts. What is busy is detached so that nothing stays behind, and reported: somebody left a file open.
 */
export function unmount(mountpoint: string): void {
  if (!isMounted(mountpoint)) return;
  const came = sys.outcome(() => sys.umount(mountpoint));
  if (came === 'ok') return;
  spawnSync('umount', ['-l', mountpoint]);
  throw new Error(`umount ${mountpoint}: ${came}`);
}

/** Unmounts a file system that held layers: their server closes them after its mount has gone. */
export async function unmountLayers(mountpoint: string): Promise<void> {
  await waitFor(
    () => !isMounted(mountpoint) || spawnSync('umount', [mountpoint], { stdio: 'ignore' }).status === 0,
    `${mountpoint} to be free`,
  );
}

/** Waits for `condition` by asking again; for what gives no event to wait for. */
export async function waitFor(condition: () => boolean, what: string, timeoutMs = 30_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Why real mounts cannot be tested here, or null. */
export function mountsUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  if (!existsSync('/dev/fuse')) return '/dev/fuse is missing';
  return null;
}

/** Why the fuse-native transport cannot be tested here, or null. The package and libfuse 2 are optional. */
export function fuseNativeUnavailable(): string | null {
  const unavailable = mountsUnavailable();
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
