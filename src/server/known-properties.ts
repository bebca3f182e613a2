import { Errno } from '../core/errno.js';
import { MountError } from './mount-error.js';

/**
 * Refuses an object of a caller whose compiler did not check it: a property with a misspelt name would have no effect, unseen.
 * @param what what the object is called
 * @param known has all properties that it can have
 * @throws {@link MountError} EINVAL for another one, or for what is no object
 */
export function refuseUnknownProperties(what: string, given: object, known: Readonly<Record<string, true>>): void {
  if (typeof given !== 'object' || given === null) {
    throw MountError.of({ what, why: 'must be an object', errno: Errno.EINVAL });
  }
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(known, name));
  if (unknown === undefined) return;
  const advice = `those that are known: ${Object.keys(known).join(', ')}`;
  throw MountError.of({ what: `${what}: ${unknown}`, why: 'no such property', errno: Errno.EINVAL, advice });
}
