import { writeFileSync } from 'node:fs';
import { freemem } from 'node:os';
import { runInShell } from './shell.mjs';

/** What the kernel forgets: 2 names and inodes, 3 also the contents of files. */
export async function dropCaches(signal, what = 3) {
  // After a sync everything can be dropped, so each contender begins with the same nothing.
  await runInShell('sync', { signal });
  writeFileSync('/proc/sys/vm/drop_caches', String(what));
}

const PROGRAMS = 'sh find xargs cat ls rm dd chmod tar git make sqlite3';

/** Brings back the programs that do the work: how long the disk takes for them says nothing about a mount. */
export async function loadPrograms(signal) {
  await runInShell(
    `for name in ${PROGRAMS}; do cat "$(command -v $name)" || :; done; ls --version; git --version || :`,
    {
      signal,
    },
  );
}

/**
 * In a virtual machine, free memory has gone back to the host (virtio-balloon's free page reporting, two seconds after
 * it is freed), and each first touch of such a page fetches it again: as much as half of the time of a large read, paid
 * by whoever comes when the machine has rested, and spared to the one whose predecessor has just freed most. So
 * everyone begins with memory that has just been in use.
 * @param {number} bytes More than the work fills with page cache.
 */
export async function claimMemory(signal, bytes) {
  const claim = '/dev/shm/plyfs-bench-claim';
  const size = Math.min(bytes, Math.floor(freemem() / 2));
  await runInShell(`trap 'rm -f ${claim}' EXIT; head -c ${size} /dev/zero > ${claim}`, { signal });
}
