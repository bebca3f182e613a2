/**
 * The common part of all contenders that are mounted: scratch directories beside the layers, a program that
 * mounts, and umount.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { waitFor } from '../pause.mjs';
import { anyRuns, serversOf } from '../servers.mjs';
import { asUser, USER_ID } from '../shell.mjs';

const MOUNT_MILLISECONDS = 60_000;
/** How long a server may take to end after it was unmounted. */
const END_SECONDS = 20;

/** Without this variable, a service that runs on this machine would serve the mounts of plyfs. */
export const NO_SERVICE = { PLYFS_SERVICE_DIR: '/nonexistent' };

/**
 * @typedef {object} MountRequest
 * @property {string[]} lowers Paths relative to the directory in which the program is started, top first.
 * @property {string[]} lowerPaths The same, absolute.
 * @property {string | undefined} upper Undefined: read-only.
 * @property {string} workdir
 * @property {string} root
 * @property {boolean} metacopy
 */

/**
 * @param {Omit<import('./contender.mjs').Contender, 'open' | 'unfitFor'> & {
 *   unfitFor?: (work: import('../works.mjs').Work) => string | undefined,
 *   mountCommand: (request: MountRequest) => string[],
 *   service?: () => import('../../scripts/test-service.mjs').TestService,
 * }} description `service`: its processes serve all mounts, and do not end with them
 * @returns {import('./contender.mjs').Contender}
 */
export function mounted({ mountCommand, service, ...contender }) {
  return {
    unfitFor: () => undefined,
    ...contender,
    open: (layers, work) =>
      openMount(layers, work, { mountCommand, isServer: contender.isServer, service: service?.() }),
  };
}

/** @returns {import('./contender.mjs').Place} */
function openMount(layers, work, { mountCommand, isServer, service }) {
  const scratch = scratchDirectory(layers, work);
  const [root, upper, workdir] = ['merged', 'upper', 'work'].map((part) => join(scratch, part));
  for (const part of [root, upper, workdir]) makeDirectory(part, work);
  let servers = [];
  const close = async () => {
    if (isMounted(root)) execFileSync('umount', [root], { stdio: ['ignore', 'ignore', 'pipe'] });
    // A server that is still ending would disturb the next measurement.
    const hasEnded = service !== undefined || (await waitFor(() => !anyRuns(servers), END_SECONDS));
    rmSync(scratch, { recursive: true, force: true });
    if (!hasEnded) throw new Error(`still running after umount: process ${servers.join(', ')}`);
  };
  const argv = mountCommand({
    lowers: layers.lowers,
    lowerPaths: layers.lowers.map((name) => join(layers.directory, name)),
    upper: work.access === 'read-only' ? undefined : upper,
    workdir,
    root,
    metacopy: work.metacopy === true,
  });
  const environment = service?.environment ?? NO_SERVICE;
  try {
    const begin = process.hrtime.bigint();
    if (work.isUser) withFuseForAll(() => runMount(asUser(argv), layers.directory, environment));
    else runMount(argv, layers.directory, environment);
    // Root cannot list an ordinary user's mount.
    if (work.isUser) execFileSync(...split(asUser(['ls', root])), { stdio: 'ignore' });
    else readdirSync(root);
    const mountSeconds = Number(process.hrtime.bigint() - begin) / 1e9;
    if (!isMounted(root)) throw new Error(`${argv[0]} mounted nothing`);
    servers = service?.pids ?? (isServer ? serversOf(root) : []);
    return { root, mountSeconds, servers, close };
  } catch (error) {
    // The caller does not know the mount yet, so it is removed here.
    if (isMounted(root)) execFileSync('umount', ['-l', root]);
    rmSync(scratch, { recursive: true, force: true });
    throw error;
  }
}

/**
 * Runs the program in the directory of the layers: mount(2) takes one page, which 128 paths exceed and 128
 * names not.
 */
function runMount(argv, cwd, environment) {
  const [program, args] = split(argv);
  const env = { ...process.env, ...environment };
  try {
    execFileSync(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'], timeout: MOUNT_MILLISECONDS });
  } catch (error) {
    const why = error.stderr?.toString().trim() || error.message;
    throw new Error(`it does not mount: ${why}`.slice(0, 500));
  }
}

/** Lets all users open the FUSE device during `mount`, as udev does permanently on other machines. */
function withFuseForAll(mount) {
  const device = '/dev/fuse';
  const mode = statSync(device).mode & 0o7777;
  chmodSync(device, mode | 0o666);
  try {
    mount();
  } finally {
    chmodSync(device, mode);
  }
}

export function scratchDirectory(layers, work) {
  const scratch = mkdtempSync(join(layers.directory, 'run-'));
  if (work.isUser) chownSync(scratch, USER_ID, USER_ID);
  return scratch;
}

function makeDirectory(path, work) {
  mkdirSync(path);
  if (work.isUser) chownSync(path, USER_ID, USER_ID);
}

function isMounted(root) {
  return readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${root} `);
}

function split([program, ...args]) {
  return [program, args];
}
