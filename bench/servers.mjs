/**
 * The processes that serve a mount, found by what /proc says of them: each contender goes into the background its own
 * way.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** @param {string} root A mountpoint. @returns {number[]} None for a mount of the kernel's own. */
export function serversOf(root) {
  // The connection of a FUSE mount is the minor number of its device. Not by stat, which root may be refused.
  const connection = new RegExp(`^\\d+ \\d+ 0:(\\d+) \\S+ ${root} `, 'm').exec(read('/proc/self/mountinfo'))?.[1];
  const found = processes().filter((pid) => commandLine(pid).includes(root) || holdsConnection(pid, connection));
  // One may be looked after by another, whose title can be too short for the path.
  const ours = ancestorsOf(process.pid);
  const watchers = found.flatMap(ancestorsOf).filter((pid) => !ours.includes(pid) && pid !== process.pid);
  return [...new Set([...found, ...watchers])];
}

/** Without process 1, to which whoever goes into the background is given. */
function ancestorsOf(pid) {
  const parent = Number(/^PPid:\s+(\d+)$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0);
  return parent > 1 ? [parent, ...ancestorsOf(parent)] : [];
}

/** Whether any of them still runs. A zombie does not. */
export function anyRuns(pids) {
  return pids.some((pid) => !['', 'Z', 'X'].includes(stateOf(pid)));
}

/** @returns {number} Bytes that are resident, file pages included. */
export function residentBytes(pids) {
  return sum(pids.map((pid) => Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024));
}

/** @returns {number} Seconds that all threads have run on a CPU. */
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

/** Linux 6.18 says which connection a descriptor of /dev/fuse is of: fs/fuse/dev.c:fuse_dev_show_fdinfo. */
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

/** A process may be gone by the time it is looked at: then there is nothing to be seen. */
function read(file) {
  return ifThere(() => readFileSync(file, 'latin1')) ?? '';
}

function list(directory) {
  return ifThere(() => readdirSync(directory)) ?? [];
}

function link(file) {
  return ifThere(() => readlinkSync(file));
}

function ifThere(look) {
  try {
    return look();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(error.code)) return undefined;
    throw error;
  }
}
