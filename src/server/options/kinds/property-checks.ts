/**
 * Checks of the options that a program gives as an object. A program that is not type-checked could otherwise
 * misspell a property without an error, or pass the text `'false'`, which counts as true.
 */
import { inspect } from 'node:util';
import { Errno } from '../../../core/errno.js';
import { MountError } from '../../config/mount-error.js';

/** A path: a string, or the bytes of one that is not UTF-8. */
export type Path = string | Uint8Array;

/** A condition that the value of one property must satisfy. */
export interface Check<T = unknown> {
  /** The end of a message: it follows `must be`. */
  readonly mustBe: string;
  readonly holds: (value: unknown) => value is T;
  /** The property cannot be left out. */
  readonly isRequired?: true;
  /** The value is an object with these properties. */
  readonly properties?: Checks;
}

/** All properties that an object can have. */
export type Checks = Readonly<Record<string, Check>>;

/** The type of an object that satisfies all of these checks. */
export type Checked<C extends Checks> = {
  [Name in keyof C]: C[Name] extends Check<infer T> ? T : never;
};

export const FUNCTION: Check<(line: string) => void> = {
  mustBe: 'a function',
  holds: (value): value is (line: string) => void => typeof value === 'function',
};

/** A string that can be passed to the kernel, for which a string ends at the first NUL. */
export const TEXT: Check<string> = {
  mustBe: 'a string without NUL characters',
  holds: (value): value is string => typeof value === 'string' && !value.includes('\0'),
};

export const NAME: Check<string> = {
  mustBe: 'a string without NUL characters, not empty',
  holds: (value): value is string => TEXT.holds(value) && value !== '',
};

export const PATH: Check<Path> = {
  mustBe: 'a path: a string or bytes, not empty, without NUL characters',
  holds: (value): value is Path =>
    typeof value === 'string' || value instanceof Uint8Array ? value.length > 0 && !hasNul(value) : false,
};

/** One of a few values. */
export function oneOf<const T extends string | boolean>(values: readonly T[]): Check<T> {
  const words = values.map(String);
  const mustBe = words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return { mustBe, holds: (value): value is T => values.some((known) => known === value) };
}

export const BOOLEAN: Check<boolean> = oneOf([true, false]);

/** A number from `min` to `max`. */
export function numberBetween(min: number, max: number, { whole = false } = {}): Check<number> {
  return {
    mustBe: `a ${whole ? 'whole ' : ''}number from ${min} to ${max}`,
    holds: (value): value is number =>
      typeof value === 'number' && value >= min && value <= max && (!whole || Number.isInteger(value)),
  };
}

/**
 * `every` skips the holes of an array; the copy has `undefined` in their place, so they are refused.
 * @param plural what the elements are
 */
export function listOf<T>(element: Check<T>, plural: string): Check<readonly T[]> {
  return {
    mustBe: `a list of ${plural}`,
    holds: (value): value is readonly T[] => Array.isArray(value) && [...value].every(element.holds),
  };
}

/** An object whose properties pass these checks. */
export function objectWith<C extends Checks>(properties: C): Check<Partial<Checked<C>>> {
  return { mustBe: 'an object', holds: (value): value is Partial<Checked<C>> => isObject(value), properties };
}

/** The same check for a property that must be given. */
export function required<T>(check: Check<T>): Check<T> & { readonly isRequired: true } {
  return { ...check, isRequired: true };
}

/**
 * Refuses an object with an unknown property, or with a value that a property cannot have. `undefined` counts
 * as not given.
 * @param what the name of the object, for the message
 * @throws {@link MountError} EINVAL, which names the property
 */
export function checkProperties(what: string, given: unknown, checks: Checks): void {
  if (!isObject(given)) throw refusal(what, `must be an object, not ${shown(given)}`);
  checkEach(`${what}: `, given, checks);
}

/**
 * Parses a text of JSON, whose type is unknown: `checkProperties` must see it next.
 * @throws {@link MountError} EINVAL if it is not JSON
 */
export function parseJson(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw refusal(what, `not JSON: ${error.message}`);
  }
}

/** Checks the properties of an object, and those of the objects in it. */
function checkEach(prefix: string, given: object, checks: Checks): void {
  const unknown = Object.keys(given).find((name) => !Object.hasOwn(checks, name));
  if (unknown !== undefined) throw refusal(`${prefix}${unknown}`, 'no such property', adviceFor(unknown, checks));
  const values = new Map<string, unknown>(Object.entries(given));
  for (const [name, { mustBe, holds, isRequired, properties }] of Object.entries(checks)) {
    const value = values.get(name);
    if (value === undefined && isRequired !== true) continue;
    if (!holds(value)) throw refusal(`${prefix}${name}`, `must be ${mustBe}, not ${shown(value)}`);
    if (properties !== undefined && isObject(value)) checkEach(`${prefix}${name}.`, value, properties);
  }
}

/** The advice for a property that does not exist: where it belongs, or the names of all. */
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

/** A value in a message, on one line and not too long. */
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
