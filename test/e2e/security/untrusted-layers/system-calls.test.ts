/**
 * The system calls of the server while it serves layers made by an attacker: it never follows a path of
 * theirs.
 */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CHECKOUT } from '../../../harness/checkout.js';
import { threadTraceOptions, threadTraceSizes } from '../../../harness/machine/strace.js';
import {
  aufsArguments,
  type ForegroundMount,
  mountForeground,
  mountsUnavailable,
  overlayOptions,
  PLYFS,
} from '../../../harness/mounts.js';
import { type LayerDirs, makeLayerDirs, makeScratch, removeScratch } from '../../../harness/scratch.js';
import { withDeadline } from '../../harness/deadline.js';
import { changeAll, look, MARKER_NAMES, makeBase, makeHostile, makeMarkerNames } from './hostile-marks.js';
import { Outside } from './outside.js';
import { isConfined, readTrace, STRACE, type TracedCall } from './traced-calls.js';

function straceUnavailable(): string | null {
  const unavailable = mountsUnavailable();
  if (unavailable !== null) return unavailable;
  return spawnSync('strace', ['-qq', 'true']).status === 0 ? null : 'strace is missing, or may not trace';
}
const unavailable = straceUnavailable();

/**
 * Paths that the end of mounting uses, which can be after the start of the trace: the daemon's directory, the
 * table of mounts, and the read-ahead setting.
 */
const MOUNTING = /^(\/|\/proc\/thread-self\/mountinfo|\/sys\/class\/bdi\/[\d:]+(\/read_ahead_kb)?)$/;

/** A thread that starts during the trace loads the program's own files. */
const PROGRAM = CHECKOUT.replace(/\/$/, '');
/** Node.js reads these files when a thread starts: its control group, its path, the size of the memory. */
const NODE_STARTS = /^\/proc\/(self\/(cgroup|exe)|meminfo)$|^\/sys\/fs\/cgroup\//;

/**
 * free(3) of glibc reads this file once, when a thread other than the main one first gives memory back to the
 * kernel (malloc/arena.c:shrink_heap). No layer can choose the path.
 */
const FREE_READS = '/proc/sys/vm/overcommit_memory';

function isOfThread({ name, rest, strings: [path] }: TracedCall): boolean {
  if (path === undefined) return name === 'getcwd';
  if (path === FREE_READS) return name === 'openat' && rest.includes('O_RDONLY|O_CLOEXEC');
  return (
    `${path}/`.startsWith(`${PROGRAM}/`) || isAncestor(path) || NODE_STARTS.test(path) || path === process.execPath
  );
}

/** Whether `path` is a parent of the program's directory. Node.js resolves the real path of the program. */
function isAncestor(path: string): boolean {
  return path.length > 1 && PROGRAM.startsWith(`${path}/`);
}

const ARGUMENTS: Readonly<Record<string, (layers: LayerDirs) => string[]>> = {
  overlay: (layers) => ['-o', overlayOptions(layers, ['redirect_dir=on', 'metacopy=on', 'volatile'])],
  aufs: (layers) => aufsArguments(layers, ['volatile']),
};

describe.skipIf(unavailable !== null)(
  `system calls of the server${unavailable === null ? '' : `: ${unavailable}`}`,
  () => {
    let base: string;
    let mounted: ForegroundMount | null = null;
    beforeEach(() => {
      base = makeScratch('system-calls');
    });
    afterEach(() => {
      mounted?.unmount();
      mounted = null;
      removeScratch(base);
    });

    async function trace(layers: LayerDirs, args: readonly string[], names: readonly string[]): Promise<TracedCall[]> {
      const file = join(base, 'trace');
      const strace: [string, ...string[]] = ['strace', ...threadTraceOptions(file), ...STRACE, PLYFS];
      mounted = await mountForeground(layers, [], [...args], strace);
      const { mountpoint, server } = mounted;
      const before = threadTraceSizes(file);
      withDeadline(mountpoint, 100, () => {
        look(mountpoint);
        changeAll(mountpoint, names);
        look(mountpoint);
      });
      mounted.unmount();
      mounted = null;
      if (server.exitCode === null) await once(server, 'exit');
      return readTrace(file, before);
    }

    it.each(Object.keys(ARGUMENTS))('stay below the roots of the layers: %s', async (dialect) => {
      const layers = makeLayerDirs(base);
      const outside = new Outside(base);
      makeBase(join(base, 'lower2'), outside);
      const names = makeHostile(join(base, 'lower1'), join(base, 'lower2'), outside);
      makeMarkerNames(join(base, 'lower1'), outside);
      const args = (ARGUMENTS[dialect] as (layers: LayerDirs) => string[])(layers);
      const tried = names.filter((_, i) => i % 2 === 0);
      const calls = await trace(layers, args, [...tried, ...MARKER_NAMES, 'plain', 'link', 'way-out', 'file']);
      const isExpected = (call: TracedCall): boolean =>
        isOfThread(call) || call.strings.some((path) => MOUNTING.test(path));
      const strays = calls.filter((call) => !isConfined(call) && !isExpected(call));
      expect(strays.map(({ rest, strings }) => `${rest} ${strings.join()}`)).toEqual([]);
      // The trace must contain each important call, or it proves nothing.
      const seen = new Set(calls.map(({ name }) => name));
      for (const name of ['openat', 'statx', 'readlinkat', 'unlinkat', 'linkat', 'fchownat'])
        expect(seen).toContain(name);
    });
  },
);
