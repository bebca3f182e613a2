/** The command lines that the service takes; the caller serves all others itself. */
import { splitOptions } from '../../server/options/kinds/option-list.js';
import { readLink } from '../../sys/process/process-facts.js';
import type { MountArguments } from '../order/mount-arguments.js';

/**
 * A path that means something else in each process, also within a list of paths. It can be relative, and have
 * surplus slashes and dots. To take a path of another directory of this name for such a path does no harm.
 */
const OWN_PATH = pathPattern(['proc', '(?:self|thread-self)'], ['dev', '(?:fd|std(?:in|out|err))']);
/** Options of mounts that the service does not take, and the values for which it does not. */
const UNSERVED = new Map<string, (value: string | undefined) => boolean>([
  ['remount', () => true],
  ['debug', () => true],
  ['service', (value) => value === 'off'],
  ['transport', (value) => value !== 'direct'],
]);

/** The reason why the caller must serve the mount itself. Undefined: the service takes it. */
export function refusalOf({ options, foreground, debug, mountpoint, docker }: MountArguments): string | undefined {
  if (foreground || debug) return 'it stays in the foreground';
  const given = options.flatMap(splitOptions).find(({ name, value }) => UNSERVED.get(name)?.(value) === true);
  if (given !== undefined) return `the option ${given.name}`;
  const paths = [...options, docker?.directory ?? '', docker?.upper ?? '', docker?.work ?? ''];
  if (givenDeviceFd(mountpoint) === undefined) paths.push(mountpoint);
  return paths.some(isOwnPath) ? 'a path that only the caller can resolve' : undefined;
}

/** Whether a path, or the text of an option that contains one, means something else in each process. */
export function isOwnPath(text: string): boolean {
  return OWN_PATH.test(text);
}

/** The caller's fd of /dev/fuse, if the mountpoint names one: the caller has made the mount already. */
export function givenDeviceFd(mountpoint: string): number | undefined {
  const [, digits] = /^\/dev\/fd\/(\d{1,9})$/.exec(mountpoint) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** Whether the caller's fd is an open file of /dev/fuse. */
export function isFuseDevice(pid: number, fd: number): boolean {
  return readLink(`/proc/${pid}/fd/${fd}`) === '/dev/fuse';
}

/** A pattern for texts with a path in which the names of one of `lists` follow each other. */
function pathPattern(...lists: readonly (readonly string[])[]): RegExp {
  const paths = lists.map((names) => names.join('\\/(?:\\.?\\/)*'));
  return new RegExp(`(?:^|[/:=,])(?:${paths.join('|')})(?:[/:,]|$)`);
}
