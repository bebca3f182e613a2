/** An ordinary user, and the preparations that let this user mount. */
import { spawnSync } from 'node:child_process';
import { accessSync, appendFileSync, chmodSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mountsUnavailable, PLYFS } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';
import { bindMount, mknod, mountType, S_IFCHR, umount } from '../../harness/sys/index.js';
import { type Outcome, run } from '../harness/sandbox.js';

export const NAME = 'plyfs-test';
/** makedev(10, 229): Documentation/admin-guide/devices.txt. */
const FUSE_DEVICE = 0xae5;

/** Why tests as an ordinary user are impossible on this machine, or null. */
export function rootlessUnavailable(): string | null {
  const unavailable = mountsUnavailable();
  if (unavailable !== null) return unavailable;
  if (spawnSync('fusermount3', ['--version']).status !== 0) return 'fusermount3 is missing';
  makeUser();
  // The user runs the program from this directory.
  const readable = runAsUser(['test', '-r', fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))]);
  return readable.status === 0 ? null : `${NAME} cannot read this checkout`;
}

function makeUser(): void {
  if (spawnSync('id', [NAME]).status === 0) return;
  const { status, stderr } = run('useradd', ['--system', '--no-create-home', '--shell', '/bin/sh', NAME]);
  // Another file of tests can be making the user at this moment.
  if (status !== 0 && spawnSync('id', [NAME]).status !== 0) throw new Error(`useradd: ${stderr}`);
}

/**
 * Gives the user subordinate users and groups (man subuid(5)), in this mount namespace only. The returned
 * function removes them.
 */
export function lendSubordinates(): () => void {
  // usermod(8) would refuse while a process of the user runs, such as a server that is about to end.
  const lent = makeScratch('subordinates');
  const undo = ['subuid', 'subgid'].map((name) => {
    const file = `/etc/${name}`;
    const own = join(lent, name);
    appendFileSync(file, ''); // The machine can be without these files.
    writeFileSync(own, `${readFileSync(file, 'utf8')}${NAME}:300000:65536\n`);
    return bindMount(own, file);
  });
  return () => {
    for (const each of undo) each();
    removeScratch(lent);
  };
}

/** Runs a program as the ordinary user. */
export function runAsUser(command: readonly string[], cwd = '/'): Outcome {
  return run('setpriv', ['--reuid', NAME, '--regid', NAME, '--clear-groups', '--', ...command], { cwd });
}

export function plyfsAsUser(args: readonly string[], cwd: string): Outcome {
  return runAsUser([PLYFS, ...args], cwd);
}

export function giveToUser(dir: string): void {
  const { status, stderr } = run('chown', ['-R', `${NAME}:${NAME}`, dir]);
  if (status !== 0) throw new Error(`chown: ${stderr}`);
}

/**
 * Lets all users open the FUSE device, as udev does elsewhere, in this mount namespace only. The returned
 * function undoes it.
 */
export function openFuseDevice(): () => void {
  const devices = makeScratch('devices');
  // Other file systems can be mounted with `nodev`.
  mountType('tmpfs', 'tmpfs', devices, 'mode=755');
  const device = join(devices, 'fuse');
  mknod(device, S_IFCHR, FUSE_DEVICE);
  chmodSync(device, 0o666);
  const undo = bindMount(device, '/dev/fuse');
  return () => {
    undo();
    umount(devices);
    removeScratch(devices);
  };
}

/** Why an ordinary user cannot make user namespaces on this machine, or null. */
export function userNamespacesUnavailable(): string | null {
  const reason = rootlessUnavailable();
  if (reason !== null) return reason;
  if (!existsSync('/proc/self/ns/user')) return 'this kernel has no user namespaces';
  accessSync('/usr/bin/unshare', constants.X_OK);
  return runAsUser(['unshare', '-Urm', 'true']).status === 0 ? null : 'an ordinary user cannot make a user namespace';
}
