import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { freemem } from 'node:os';

/**
 * Does one piece of work once, on a fresh mount, and gives its time in seconds. Also when it is stopped by `signal`, the
 * mount is taken away before this ends.
 * @param {import('./contenders.mjs').Contender} contender
 * @param {import('./works.mjs').Work} work
 * @param {import('./layers.mjs').Layers} layers
 * @param {AbortSignal} signal
 */
export async function measureOnce(contender, work, layers, signal) {
  const place = contender.open(layers, work);
  try {
    const command = work.command({ root: place.root, layers });
    await dropCaches(signal);
    await claimMemory(signal);
    if (work.prepare) await runInShell(work.prepare({ layers }), signal);
    if (work.start === 'warm') await runInShell(command, signal);
    return await runInShell(command, signal);
  } finally {
    place.close();
  }
}

/** After a sync everything can be dropped, so each contender begins with the same nothing. */
async function dropCaches(signal) {
  await runInShell('sync', signal);
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** More than any work fills with page cache: 1 GiB twice, once in a lower and once in a FUSE mount. */
const CLAIM_BYTES = 2600 * 2 ** 20;

/**
 * In a virtual machine, free memory has gone back to the host (virtio-balloon's free page reporting, two seconds after it
 * is freed), and each first touch of such a page fetches it again: as much as half of the time of a large read, paid by
 * whoever comes when the machine has rested, and spared to the one whose predecessor has just freed most. So everyone
 * begins with memory that has just been in use.
 */
async function claimMemory(signal) {
  const claim = '/dev/shm/plyfs-bench-claim';
  const bytes = Math.min(CLAIM_BYTES, Math.floor(freemem() / 2));
  await runInShell(`head -c ${bytes} /dev/zero > ${claim}; rm ${claim}`, signal);
}

/** Output goes to /dev/null, not through a pipe to us: the reader must not be what is measured. */
function runInShell(command, signal) {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const begin = process.hrtime.bigint();
    // A process group of its own: stopping ends all commands of a pipe, and only those.
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
    const stop = () => process.kill(-child.pid, 'SIGKILL');
    signal.addEventListener('abort', stop);
    const complaints = [];
    child.stderr.on('data', (chunk) => complaints.push(chunk));
    child.on('error', reject);
    let seconds = 0;
    child.on('exit', () => {
      seconds = Number(process.hrtime.bigint() - begin) / 1e9;
      signal.removeEventListener('abort', stop);
    });
    child.on('close', (status, endedBy) => {
      if (signal.aborted) reject(signal.reason);
      else if (status === 0) resolve(seconds);
      else reject(new Error(`${command}: status ${status ?? endedBy}: ${complaints.join('').trim().slice(0, 500)}`));
    });
  });
}

/** @param {number[]} times */
export function median(times) {
  const sorted = [...times].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
