/**
 * Finds the layers that Docker keeps, so that they can be mounted as they are. It writes nothing to Docker's
 * directories.
 */
import { Errno, FsError } from '../../core/errno.js';
import { quoted, StoreError } from '../store-error.js';
import { aufsContent, aufsStack, CONTENTS, PARENTS } from './aufs-layers.js';
import { DriverDirectory } from './driver-directory.js';
import { overlay2Content, overlay2Stack, SHORT_NAMES } from './overlay2-layers.js';

/** A layer and all layers below it. */
export interface DockerLayers {
  readonly dialect: 'overlay' | 'aufs';
  /** The paths of the requested layer and of all layers below it, as bytes, top first. */
  readonly layers: readonly string[];
}

/** The most layers that Docker's drivers allow below another layer. */
const MAX_LOWERS = 128;

/** One of Docker's storage drivers. */
interface Driver {
  readonly name: 'overlay2' | 'aufs';
  readonly dialect: DockerLayers['dialect'];
  /** Whether a directory belongs to this driver. */
  owns(directory: DriverDirectory): boolean;
  /** The ids of all layers, also of incomplete ones. */
  ids(directory: DriverDirectory): string[];
  /** The ids of the layer and of all layers below it, top first. */
  stack(directory: DriverDirectory, id: string): string[];
  /** The path of a layer's content in the driver's directory. */
  content(id: string): string;
}

const DRIVERS: readonly Driver[] = [
  {
    name: 'overlay2',
    dialect: 'overlay',
    owns: (directory) => directory.hasDirectory(SHORT_NAMES),
    ids: (directory) => directory.names('').filter((name) => name !== SHORT_NAMES && directory.hasDirectory(name)),
    stack: overlay2Stack,
    content: overlay2Content,
  },
  {
    name: 'aufs',
    dialect: 'aufs',
    owns: (directory) => directory.hasDirectory(PARENTS) && directory.hasDirectory(CONTENTS),
    ids: (directory) => [...new Set([...directory.names(PARENTS), ...directory.names(CONTENTS)])],
    stack: aufsStack,
    content: aufsContent,
  },
];

/**
 * Finds a layer and all layers below it.
 * @param path bytes; Docker's root directory, or the directory of one driver in it
 * @param id the id of a layer, or a unique prefix of it
 * @throws StoreError
 */
export function findDockerLayers(path: string, id: string): DockerLayers {
  try {
    return findStack(path, id);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new StoreError({ what: 'docker', where: path, errno: error.errno });
  }
}

/** Does the same as {@link findDockerLayers}, and throws FsError if a system call fails. */
function findStack(path: string, id: string): DockerLayers {
  const { driver, directory } = findDriver(path);
  try {
    const ids = driver.stack(directory, completeId(driver, directory, id));
    checkStack(driver, directory, ids);
    return { dialect: driver.dialect, layers: ids.map((each) => directory.pathOf(driver.content(each))) };
  } finally {
    directory.close();
  }
}

/** Finds the driver that owns the directory, or owns a directory in it that is named after the driver. */
function findDriver(path: string): { driver: Driver; directory: DriverDirectory } {
  const found: { driver: Driver; directory: DriverDirectory }[] = [];
  for (const driver of DRIVERS) {
    for (const candidate of [path, `${path}/${driver.name}`]) {
      const directory = DriverDirectory.open(candidate);
      if (directory === null) continue;
      if (driver.owns(directory)) found.push({ driver, directory });
      else directory.close();
    }
  }
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  for (const { directory } of found) directory.close();
  throw only === undefined ? noDriver(path) : severalDrivers(path, found);
}

function noDriver(where: string): StoreError {
  const why = "neither Docker's root directory nor that of its overlay2 or aufs driver";
  return new StoreError({ what: 'docker', where, why, errno: Errno.ENOENT });
}

function severalDrivers(where: string, found: readonly { readonly directory: DriverDirectory }[]): StoreError {
  return new StoreError({
    what: 'docker',
    where,
    why: 'has the layers of more than one driver',
    advice: `name the directory of one: ${found.map(({ directory }) => quoted(directory.path)).join(' or ')}`,
  });
}

/** The most matching layers that a message names. */
const MAX_NAMED = 3;

/** The name of a layer that Docker is about to remove. */
const REMOVING = /-removing$/;
/**
 * The suffix of the init layer, which Docker puts below a container's layer, with files such as /etc/hosts.
 * Before the suffix is the id of the container's layer.
 */
const INIT = '-init';

/** The id of the layer that `start` names. */
function completeId(driver: Driver, directory: DriverDirectory, start: string): string {
  const all = driver.ids(directory).filter((id) => !REMOVING.test(id));
  const matching = start === '' ? [] : all.filter((id) => id.startsWith(start));
  // The complete id of one layer can be the beginning of another id. An init layer is found only by its
  // complete id.
  const meant = matching.includes(start) ? [start] : matching.filter((id) => !isInitLayer(id, matching));
  const [only, ...others] = meant;
  if (only === undefined) {
    throw new StoreError({
      what: 'docker',
      where: start,
      why: `no such layer in ${quoted(directory.path)}`,
      errno: Errno.ENOENT,
    });
  }
  if (others.length === 0) return only;
  const some = meant.sort().slice(0, MAX_NAMED).map(quoted).join(', ') + (meant.length > MAX_NAMED ? '…' : '');
  throw new StoreError({ what: 'docker', where: start, why: `${meant.length} layers begin with this: ${some}` });
}

/** Whether `id` is the init layer of one of `ids`. */
function isInitLayer(id: string, ids: readonly string[]): boolean {
  return id.endsWith(INIT) && ids.includes(id.slice(0, -INIT.length));
}

/** Refuses a stack that is too high, has a loop, or lacks the content of a layer. */
function checkStack(driver: Driver, directory: DriverDirectory, ids: readonly string[]): void {
  const [id = '', ...lowers] = ids;
  const refuse = (why: string, errno?: number): StoreError =>
    new StoreError({ what: 'docker', where: id, why, ...(errno === undefined ? {} : { errno }) });
  if (lowers.length > MAX_LOWERS) {
    throw refuse(`has ${lowers.length} layers below it, and Docker allows ${MAX_LOWERS}`, Errno.EINVAL);
  }
  const seen = new Set<string>();
  for (const each of ids) {
    if (seen.has(each)) throw refuse(`${quoted(each)} is below itself`, Errno.ELOOP);
    seen.add(each);
    const content = driver.content(each);
    if (directory.hasDirectory(content)) continue;
    const path = quoted(directory.pathOf(content));
    throw directory.has(content)
      ? refuse(`${path} is not a directory`, Errno.ENOTDIR)
      : refuse(`${path} is missing`, Errno.ENOENT);
  }
}
