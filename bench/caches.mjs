import { writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { runInShell } from './shell.mjs';

/** Drops caches of the kernel. @param what 2: names and inodes; 3: also the contents of files */
export async function dropCaches(signal, what = 3) {
  // After a sync everything can be dropped, so each contender begins with the same empty caches.
  await runInShell('sync', { signal });
  writeFileSync('/proc/sys/vm/drop_caches', String(what));
}

const PROGRAMS = 'sh find xargs cat ls rm dd chmod tar git make sqlite3';

/**
 * Reads the programs that do the work into the page cache: the time to load them does not depend on the
 * mount.
 */
export async function loadPrograms(signal) {
  await runInShell(
    `for name in ${PROGRAMS}; do cat "$(command -v $name)" || :; done; ls --version; git --version || :`,
    {
      signal,
    },
  );
}

/**
 * Gives each contender memory that has just been in use. In a virtual machine, free memory returns to the
 * host two seconds after it is freed (virtio-balloon's free page reporting), and each first use of such a
 * page fetches it again. That can be half of the time of a large read. A contender would pay for it after the
 * machine was idle, and not after another contender has just freed memory.
 * @param {number} bytes more than the work fills with page cache
 */
export async function claimMemory(signal, bytes) {
  const claim = '/dev/shm/plyfs-bench-claim';
  const size = Math.min(bytes, Math.floor(freemem() / 2));
  await runInShell(`trap 'rm -f ${claim}' EXIT; head -c ${size} /dev/zero > ${claim}`, { signal });
}
