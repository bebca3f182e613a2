/**
 * Finds the layers that Docker keeps, so that they can be mounted as they are. Nothing of Docker's is
 * written.
 */
import { Errno, FsError } from '../../core/errno.js';
import { quoted, StoreError } from '../store-error.js';
import { aufsContent, aufsStack, CONTENTS, PARENTS } from './aufs-layers.js';
import { DriverDirectory } from './driver-directory.js';
import { overlay2Content, overlay2Stack, SHORT_NAMES } from './overlay2-layers.js';

export interface DockerLayers {
  readonly dialect: 'overlay' | 'aufs';
  /** Paths, bytes, top first: the layer that was asked for, and all that it stands on. */
  readonly layers: readonly string[];
}

/** How many layers Docker puts below one (its drivers' own limit). */
const MAX_LOWERS = 128;

/** One of Docker's storage drivers. */
interface Driver {
  readonly name: 'overlay2' | 'aufs';
  readonly dialect: DockerLayers['dialect'];
  /** Whether a directory is this driver's. */
  isOwn(directory: DriverDirectory): boolean;
  /** All names that can be a layer's, also where something of it is missing. */
  ids(directory: DriverDirectory): string[];
  stack(directory: DriverDirectory, id: string): string[];
  content(id: string): string;
}

const DRIVERS: readonly Driver[] = [
  {
    name: 'overlay2',
    dialect: 'overlay',
    isOwn: (directory) => directory.hasDirectory(SHORT_NAMES),
    ids: (directory) => directory.names('').filter((name) => name !== SHORT_NAMES && directory.hasDirectory(name)),
    stack: overlay2Stack,
    content: overlay2Content,
  },
  {
    name: 'aufs',
    dialect: 'aufs',
    isOwn: (directory) => directory.hasDirectory(PARENTS) && directory.hasDirectory(CONTENTS),
    ids: (directory) => [...new Set([...directory.names(PARENTS), ...directory.names(CONTENTS)])],
    stack: aufsStack,
    content: aufsContent,
  },
];

/**
 * @param path bytes; Docker's root directory, or one driver's directory in it
 * @param id of a layer, or as much of it as no other layer's id begins with
 * @throws StoreError
 */
export function findDockerLayers(path: string, id: string): DockerLayers {
  try {
    return find(path, id);
  } catch (error) {
    if (!(error instanceof FsError)) throw error;
    throw new StoreError({ what: 'docker', where: path, errno: error.errno });
  }
}

function find(path: string, id: string): DockerLayers {
  const { driver, directory } = findDriver(path);
  try {
    const ids = driver.stack(directory, wholeId(driver, directory, id));
    checkStack(driver, directory, ids);
    return { dialect: driver.dialect, layers: ids.map((each) => directory.pathOf(driver.content(each))) };
  } finally {
    directory.close();
  }
}

/** Looks at the directory itself, and at what it has under a driver's name. */
function findDriver(path: string): { driver: Driver; directory: DriverDirectory } {
  const found: { driver: Driver; directory: DriverDirectory }[] = [];
  for (const driver of DRIVERS) {
    for (const candidate of [path, `${path}/${driver.name}`]) {
      const directory = DriverDirectory.open(candidate);
      if (directory === null) continue;
      if (driver.isOwn(directory)) found.push({ driver, directory });
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

/** How many of the layers that could be meant are named. */
const SHOWN = 3;

/** A layer that Docker is about to remove. */
const REMOVING = /-removing$/;
/**
 * Docker's own layer below a container's, with files such as /etc/hosts; its id is the container's and this.
 */
const INIT = '-init';

function wholeId(driver: Driver, directory: DriverDirectory, start: string): string {
  const all = driver.ids(directory).filter((id) => !REMOVING.test(id));
  const matching = start === '' ? [] : all.filter((id) => id.startsWith(start));
  // The whole id of one may be the beginning of another; the init layer is meant only by its whole id.
  const meant = matching.includes(start) ? [start] : matching.filter((id) => !isInitOf(id, matching));
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
  const some = meant.sort().slice(0, SHOWN).map(quoted).join(', ') + (meant.length > SHOWN ? '…' : '');
  throw new StoreError({ what: 'docker', where: start, why: `${meant.length} layers begin with this: ${some}` });
}

function isInitOf(id: string, ids: readonly string[]): boolean {
  return id.endsWith(INIT) && ids.includes(id.slice(0, -INIT.length));
}

function checkStack(driver: Driver, directory: DriverDirectory, ids: readonly string[]): void {
  const [id = '', ...lowers] = ids;
  const refuse = (why: string, errno?: number): StoreError =>
    new StoreError({ what: 'docker', where: id, why, ...(errno === undefined ? {} : { errno }) });
  if (lowers.length > MAX_LOWERS) {
    throw refuse(`stands on ${lowers.length} layers, and Docker has at most ${MAX_LOWERS}`, Errno.EINVAL);
  }
  const seen = new Set<string>();
  for (const each of ids) {
    if (seen.has(each)) throw refuse(`${quoted(each)} is below itself`, Errno.ELOOP);
    seen.add(each);
    if (!directory.hasDirectory(driver.content(each))) {
      throw refuse(`${quoted(directory.pathOf(driver.content(each)))} is missing`, Errno.ENOENT);
    }
  }
}
