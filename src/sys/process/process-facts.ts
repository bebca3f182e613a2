/**
 * Facts about another process from /proc: its rights, its limits and its namespaces. A pid can be used again:
 * only a pidfd shows that two readings are of the same process (`sys/ipc/pidfd.ts`).
 */
import { readlinkSync } from 'node:fs';
import { procField, readProc } from '../proc.js';

export interface ProcessFacts {
  readonly pid: number;
  /** The real, effective, saved and file-system ids, as one text. */
  readonly uids: string;
  readonly gids: string;
  readonly groups: readonly number[];
  /** Capabilities that it has, and those that it can ever have. */
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly noNewPrivs: string;
  /** The mode, and the number of filters. */
  readonly seccomp: string;
  readonly umask: number;
  readonly userNamespace: string;
  readonly pidNamespace: string;
  readonly mountNamespace: string;
  /** Soft limits by their name in /proc; Infinity: unlimited. */
  readonly limits: ReadonlyMap<string, number>;
  /** The label of the security module. Undefined: it cannot be read, because no module has labels. */
  readonly label: string | undefined;
}

/**
 * The facts of a process. Undefined: it has ended, or one of them cannot be read or has an unknown form.
 */
export function factsOf(pid: number): ProcessFacts | undefined {
  const status = readProc(pid, 'status');
  const limits = limitsOf(pid);
  const namespaces = ['user', 'pid', 'mnt'].map((name) => readLink(`/proc/${pid}/ns/${name}`));
  const [userNamespace, pidNamespace, mountNamespace] = namespaces;
  const fields = ['Uid', 'Gid', 'Groups', 'CapEff', 'CapBnd', 'NoNewPrivs', 'Seccomp', 'Umask'];
  const [uids, gids, groups, effective, bounding, noNewPrivs, seccomp, umask] = fields.map((name) =>
    procField(status, name)?.trim(),
  );
  if (limits === undefined) return undefined;
  if (userNamespace === undefined || pidNamespace === undefined || mountNamespace === undefined) return undefined;
  if (uids === undefined || gids === undefined || groups === undefined) return undefined;
  if (noNewPrivs === undefined || seccomp === undefined || !/^[0-7]+$/.test(umask ?? '')) return undefined;
  if (!isHex(effective) || !isHex(bounding)) return undefined;
  return {
    pid,
    uids,
    gids,
    groups: groups.split(/\s+/).filter(Boolean).map(Number),
    effective: BigInt(`0x${effective}`),
    bounding: BigInt(`0x${bounding}`),
    noNewPrivs,
    seccomp: `${seccomp} ${procField(status, 'Seccomp_filters')?.trim() ?? ''}`.trim(),
    umask: Number.parseInt(umask ?? '', 8),
    userNamespace,
    pidNamespace,
    mountNamespace,
    limits,
    label: readProc(pid, 'attr/current')?.replace(/[\0\n]+$/, ''),
  };
}

function isHex(text: string | undefined): text is string {
  return /^[0-9a-f]+$/.test(text ?? '');
}

/** Whether the process exists and a signal has stopped it (SIGSTOP), or a debugger. */
export function isStopped(pid: number): boolean {
  return /^[Tt]/.test(procField(readProc(pid, 'status'), 'State')?.trim() ?? '');
}

/** The arguments, as bytes. Undefined: the process has ended. */
export function commandLineOf(pid: number): string[] | undefined {
  return readProc(pid, 'cmdline')?.split('\0').slice(0, -1);
}

/** The soft limits. Undefined: they cannot be read. */
function limitsOf(pid: number): ReadonlyMap<string, number> | undefined {
  const text = readProc(pid, 'limits');
  if (text === undefined || text === '') return undefined;
  const limits = new Map<string, number>();
  for (const line of text.split('\n').slice(1)) {
    const [, name, soft] = /^(Max [a-z -]+?) {2,}(\d+|unlimited)\b/.exec(line) ?? [];
    if (name !== undefined) limits.set(name, soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft));
  }
  return limits;
}

/** The target of a link in /proc. Undefined: it cannot be read. */
export function readLink(path: string): string | undefined {
  try {
    return readlinkSync(path, 'latin1');
  } catch {
    // ENOENT, ESRCH: the process has ended, or the fd is not open; EACCES: it belongs to another user.
    return undefined;
  }
}
