/**
 * Checks of the options that a program gives as an object. Without a type checker, nobody would notice that a
 * misspelt property has no effect, or that the text `'false'` counts as true.
 */
import { inspect } from 'node:util';
import { Errno } from '../../core/errno.js';
import { MountError } from '../config/mount-error.js';

/** What the value of one property must be. */
export interface Check {
  /** Follows `must be`. */
  readonly kind: string;
  readonly holds: (value: unknown) => boolean;
  /** The property cannot be left out. */
  readonly isRequired?: true;
  /** The value is an object with these properties. */
  readonly properties?: Checks;
}

/** All properties that an object can have. */
export type Checks = Readonly<Record<string, Check>>;

export const BOOLEAN: Check = { kind: 'true or false', holds: (value) => typeof value === 'boolean' };
export const FUNCTION: Check = { kind: 'a function', holds: (value) => typeof value === 'function' };
/** A string that the kernel can take: for the kernel it ends at the first NUL. */
export const TEXT: Check = {
  kind: 'a string without NUL characters',
  holds: (value) => typeof value === 'string' && !value.includes('\0'),
};
export const PATH: Check = {
  kind: 'a path: a string or bytes, not empty, without NUL characters',
  holds: (value) =>
    typeof value === 'string' || value instanceof Uint8Array ? value.length > 0 && !hasNul(value) : false,
};

export function oneOf(values: readonly string[]): Check {
  return { kind: values.join(' or '), holds: (value) => typeof value === 'string' && values.includes(value) };
}

export function numberTo(max: number): Check {
  return {
    kind: `a number from 0 to ${max}`,
    holds: (value) => typeof value === 'number' && value >= 0 && value <= max,
  };
}

export function wholeNumberTo(max: number): Check {
  const { holds } = numberTo(max);
  return { kind: `a whole number from 0 to ${max}`, holds: (value) => Number.isInteger(value) && holds(value) };
}

/** @param plural what the elements are */
export function listOf(element: Check, plural: string): Check {
  return { kind: `a list of ${plural}`, holds: (value) => Array.isArray(value) && value.every(element.holds) };
}

export function objectWith(properties: Checks): Check {
  return { kind: 'an object', holds: isObject, properties };
}

export function required(check: Check): Check {
  return { ...check, isRequired: true };
}

/**
 * Refuses an object with an unknown property, or with a value that a property cannot have. `undefined` counts
 * as not given.
 * @param what who takes the object, for the message
 * @throws {@link MountError} EINVAL, which names the property
 */
export function checkProperties(what: string, given: unknown, checks: Checks): void {
  if (!isObject(given)) throw refusal(what, `must be an object, not ${shown(given)}`);
  checkEach(`${what}: `, given, checks);
}

function checkEach(prefix: string, given: object, checks: Checks): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(checks, name));
  if (unknown !== undefined) throw refusal(`${prefix}${unknown}`, 'no such property', adviceFor(unknown, checks));
  const values = new Map<string, unknown>(Object.entries(given));
  for (const [name, { kind, holds, isRequired, properties }] of Object.entries(checks)) {
    const value = values.get(name);
    if (value === undefined && isRequired !== true) continue;
    if (!holds(value)) throw refusal(`${prefix}${name}`, `must be ${kind}, not ${shown(value)}`);
    if (properties !== undefined && isObject(value)) checkEach(`${prefix}${name}.`, value, properties);
  }
}

function adviceFor(unknown: string, checks: Checks): string {
  const owner = Object.entries(checks).find(([, { properties = {} }]) => Object.hasOwn(properties, unknown))?.[0];
  if (owner !== undefined) return `it belongs under ${owner}: { ${owner}: { ${unknown}: ... } }`;
  return `those that are known: ${Object.keys(checks).join(', ')}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function hasNul(path: string | Uint8Array): boolean {
  return typeof path === 'string' ? path.includes('\0') : path.includes(0);
}

function shown(value: unknown): string {
  return inspect(value, {
    depth: 1,
    breakLength: Infinity,
    customInspect: false,
    maxArrayLength: 5,
    maxStringLength: 200,
  });
}

function refusal(what: string, why: string, advice?: string): MountError {
  return MountError.of({ what, why, errno: Errno.EINVAL, ...(advice === undefined ? {} : { advice }) });
}
