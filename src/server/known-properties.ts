import { Errno } from '../core/errno.js';
import { MountError } from './mount-error.js';

/**
 * Refuses an object with an unknown property: without a type checker, nobody would notice that a misspelt option has no
 * effect.
 * @param what the name of the object, for the message
 * @param known all properties that the object can have
 * @throws {@link MountError} EINVAL for an unknown property, or if `given` is no object
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
