/**
 * Memory pressure on this process alone: the kernel reclaims the memory of its control group. Unlike
 * drop_caches, reclaim frees the memory that was not used lately and keeps the rest.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const V1 = '/sys/fs/cgroup/memory';
const V2 = '/sys/fs/cgroup';
/** More bytes than the caches of a test hold. */
const AMOUNT = '64M';

type Reclaim = () => void;
let reclaim: Reclaim | string | null = null;

/**
 * The reason why memory cannot be reclaimed here, or null. On a machine with control groups of version 1, the
 * first call moves this process into a group of its own.
 */
export function pressureUnavailable(): string | null {
  reclaim ??= prepare();
  return typeof reclaim === 'string' ? reclaim : null;
}

/** Does nothing if {@link pressureUnavailable} returns a reason. */
export function reclaimMemory(): void {
  if (pressureUnavailable() === null) (reclaim as Reclaim)();
}

function prepare(): Reclaim | string {
  const groups = readFileSync('/proc/self/cgroup', 'utf8').split('\n');
  try {
    const v1 = groups.find((line) => line.split(':')[1]?.split(',').includes('memory'))?.split(':')[2];
    if (v1 !== undefined) return ownGroup(join(V1, v1));
    const v2 = groups.find((line) => line.startsWith('0::'))?.slice(3) ?? '/';
    const file = join(V2, v2, 'memory.reclaim');
    readFileSync(join(V2, v2, 'memory.current'));
    return () => order(file, AMOUNT);
  } catch (error) {
    return `no memory control group of this process can be written to: ${(error as Error).message}`;
  }
}

/** Version 1 can only reclaim all memory of a group, so this process needs a group of its own. */
function ownGroup(parent: string): Reclaim {
  const group = join(parent, `plyfs-test-${process.pid}`);
  mkdirSync(group);
  writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
  process.once('exit', () => {
    const members = readFileSync(join(group, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
    for (const pid of members) writeFileSync(join(parent, 'cgroup.procs'), pid);
    rmdirSync(group);
  });
  return () => order(join(group, 'memory.force_empty'), '0');
}

function order(file: string, amount: string): void {
  try {
    writeFileSync(file, amount);
  } catch (error) {
    // The kernel has reclaimed all that it could, which is less than the amount that was asked for.
    if (!['EAGAIN', 'EBUSY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}
