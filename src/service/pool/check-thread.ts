/**
 * A thread for everything that can hang before a mount is served and when it is unmounted: it reads the
 * command line, looks at the layers, and unmounts. The threads that serve mounts have no time for that, and
 * if a layer hangs here, no mount suffers.
 */
import { parentPort } from 'node:worker_threads';
import { O_PATH } from '../../core/flags.js';
import { checkConfig } from '../../server/checks/check-config.js';
import type { MountConfig } from '../../server/config/mount-config.js';
import { asMountError, MountError } from '../../server/config/mount-error.js';
import { openLogFile } from '../../server/serving/log-sink.js';
import { findDockerLayers } from '../../store/docker/docker-layers.js';
import { StoreError } from '../../store/store-error.js';
import { close, openTrusted } from '../../sys/files/open.js';
import { isWorkingDirectoryRemoved, LostPlaceError, ThreadHome } from '../../sys/process/namespaces.js';
import type { MountArguments } from '../order/mount-arguments.js';
import type { MountSettings } from '../order/mount-settings.js';
import { PathRule } from '../order/path-rule.js';
import { settingsOf } from '../order/settings-of.js';
import { WarmTree } from '../warm/warm-tree.js';
import { areLocal, deviceOf } from './local-layers.js';
import type { CheckedMount, CheckOrder, CheckReport } from './pool-message.js';
import { unmountAt } from './unmount-at.js';

type CheckMount = Extract<CheckOrder, { kind: 'check' }>;

/** How many checks warm a thread up. Measured: further ones do not get faster. */
const WARM_ROUNDS = 20;

const home = ThreadHome.make();
const ownRoot = deviceOf('/');

function report(message: CheckReport): void {
  parentPort?.postMessage(message);
}

function check(order: CheckMount): CheckedMount {
  const { place, deviceFd, opensLog } = order;
  return home.enter(place, () => {
    const paths = new PathRule({ allowsRelative: !isWorkingDirectoryRemoved() });
    const { config: given, logFile } = settingsFrom(order, paths);
    paths.checkMount({ config: given, ...(logFile === undefined ? {} : { logFile }) });
    const config = checkConfig(onDevice(given, deviceFd));
    const isLocal = areLocal(config, ownRoot);
    return { config, isLocal, logFd: opensLog && logFile !== undefined ? openLogFile(logFile) : undefined };
  });
}

function settingsFrom({ id, what }: CheckMount, paths: PathRule): MountSettings {
  if (!isCommandLine(what)) return what;
  const { docker } = what;
  if (docker !== undefined) paths.check({ '--docker': docker.directory });
  const found = docker === undefined ? undefined : findDockerLayers(docker.directory, docker.layer);
  return settingsOf(what, found, (line) => report({ kind: 'line', id, line }));
}

function isCommandLine(what: MountArguments | MountSettings): what is MountArguments {
  return !('config' in what);
}

/** In this process the caller's /dev/fuse has another number than in the caller's command line. */
function onDevice(config: MountConfig, deviceFd: number | undefined): MountConfig {
  return deviceFd === undefined ? config : { ...config, mountpoint: `/dev/fd/${deviceFd}` };
}

function perform(order: CheckOrder): CheckReport {
  const { id } = order;
  try {
    if (order.kind === 'check') return { kind: 'checked', id, ...check(order) };
    return { kind: 'unmounted', id, outcome: unmountAt(order.where, order.lazy, home) };
  } catch (error) {
    if (error instanceof LostPlaceError) throw error;
    const cause = error instanceof StoreError ? MountError.of(error.problem) : error;
    const { message, errno, cause: bug } = asMountError(cause, order.kind === 'check' ? 'mount' : 'unmount');
    if (bug instanceof Error) report({ kind: 'line', id, line: bug.stack ?? bug.message });
    return { kind: 'refused', id, message, errno };
  }
}

/** An order has arrived, which must not wait for the warm-up. */
let hasOrders = false;

/** Checks a small union a few times, so that the first mount does not wait for cold code. */
function warmUp(): void {
  let tree: WarmTree;
  try {
    tree = WarmTree.make();
  } catch {
    // The first checks are slower, and nothing else changes.
    return;
  }
  const order = warmOrder(tree);
  const next = (left: number): void => {
    if (left > 0 && !hasOrders && perform(order).kind === 'checked') {
      setImmediate(next, left - 1);
      return;
    }
    tree.remove();
    close(order.place.cwd);
    close(order.place.root);
  };
  next(WARM_ROUNDS);
}

/** An order to check the union of the warm-up. The caller closes the fds of its place. */
function warmOrder(tree: WarmTree): CheckMount {
  const options = [tree.options];
  const what = {
    options,
    foreground: false,
    debug: false,
    source: undefined,
    dialect: 'overlay',
    form: 'plyfs',
  } as const;
  return {
    kind: 'check',
    id: 0,
    what: { ...what, mountpoint: tree.mountpoint },
    place: { cwd: openTrusted('/', O_PATH), root: openTrusted('/', O_PATH), mountNamespace: undefined, umask: 0 },
    deviceFd: undefined,
    opensLog: false,
  };
}

parentPort?.on('message', (order: CheckOrder | null) => {
  hasOrders = true;
  if (order === null) parentPort?.close();
  else report(perform(order));
});
report({ kind: 'started' });
setImmediate(warmUp);
