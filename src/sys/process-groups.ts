import { readFileSync } from 'node:fs';

/**
 * The supplementary groups of a process, as this process sees their ids. None for a process that cannot be seen: one
 * that has ended, or of another pid namespace (pid 0).
 */
export function supplementaryGroups(pid: number): number[] {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid}/status`, 'latin1');
  } catch {
    // ENOENT, ESRCH and EACCES all mean that there is nobody to ask; the answer without groups is the safe one.
    return [];
  }
  const groups = /^Groups:\s*(.*)$/m.exec(status)?.[1] ?? '';
  return groups.split(/\s+/).filter(Boolean).map(Number);
}
