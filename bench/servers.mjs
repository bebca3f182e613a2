/**
 * Finds the processes that serve a mount, by /proc: each contender starts its background process in a way of
 * its own.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @param {string} root A mountpoint. @returns {number[]} none for a mount of the kernel's own */
export function serversOf(root) {
  // The connection of a FUSE mount is the minor number of its device. stat(2) can be refused to root.
  const connection = new RegExp(`^\\d+ \\d+ 0:(\\d+) \\S+ ${root} `, 'm').exec(read('/proc/self/mountinfo'))?.[1];
  const found = processes().filter((pid) => commandLine(pid).includes(root) || holdsConnection(pid, connection));
  // A server can have a parent that watches it, and whose command line does not contain the path.
  const ours = ancestorsOf(process.pid);
  const watchers = found.flatMap(ancestorsOf).filter((pid) => !ours.includes(pid) && pid !== process.pid);
  return [...new Set([...found, ...watchers])];
}

/** The ancestors of a process, without process 1, which is the parent of every process in the background. */
function ancestorsOf(pid) {
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return parent > 1 ? [parent, ...ancestorsOf(parent)] : [];
}

/** Whether any of the processes still runs. A zombie does not. */
export function anyRuns(pids) {
  return pids.some((pid) => !['', 'Z', 'X'].includes(stateOf(pid)));
}

/** @returns {number} resident bytes, file pages included */
export function residentBytes(pids) {
  return sum(pids.map((pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024));
}

/** @returns {number} bytes, in which a page that several processes share counts as a fraction */
export function proportionalBytes(pids) {
  return sum(pids.map((pid) => Number(/^Pss:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0) * 1024));
}

/** @returns {number} seconds that all threads have run on a CPU */
export function cpuSeconds(pids) {
  const nanoseconds = pids.flatMap((pid) =>
    list(`/proc/${pid}/task`).map((thread) => Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0])),
  );
  return sum(nanoseconds) / 1e9;
}

function processes() {
  return list('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid);
}

function commandLine(pid) {
  return read(`/proc/${pid}/cmdline`);
}

function stateOf(pid) {
  return /\) (\S)/.exec(read(`/proc/${pid}/stat`))?.[1] ?? '';
}

/**
 * Whether a process has a descriptor of this connection. Linux 6.18 shows the connection of a descriptor of
 * /dev/fuse (fs/fuse/dev.c:fuse_dev_show_fdinfo).
 */
function holdsConnection(pid, connection) {
  return list(`/proc/${pid}/fd`).some(
    (fd) =>
      link(`/proc/${pid}/fd/${fd}`) === '/dev/fuse' &&
      read(`/proc/${pid}/fdinfo/${fd}`).includes(`fuse_connection:\t${connection}\n`),
  );
}

function sum(numbers) {
  return numbers.reduce((total, number) => total + number, 0);
}

/** The text of a file of /proc; empty if the process has ended meanwhile. */
function read(file) {
  return ifExists(() => readFileSync(file, 'latin1')) ?? '';
}

function list(directory) {
  return ifExists(() => readdirSync(directory)) ?? [];
}

function link(file) {
  return ifExists(() => readlinkSync(file));
}

function ifExists(look) {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) return undefined;
    throw error;
  }
}
