/** One step of a script: an actor and a call. It is a plain value, and can be written as text. */
import fc from 'fast-check';
import * as sys from '../../harness/sys/index.js';
import { CALLS, FORGETTING_CALLS, PLAIN_CALLS } from '../calls/index.js';
import { aField, answerOf } from '../calls/one-field.js';
import type { Side } from '../sides/side.js';
import { ACTOR_NAMES, type Actor, actAs } from './actors.js';
import type { Argument, Arguments, Call } from './call.js';
import { aFewPath, aPath } from './values.js';

export interface Operation {
  readonly actor: Actor;
  readonly call: string;
  readonly arguments: Arguments;
}

/** The name of a step that compares the whole trees. */
export const LOOK = 'look';
/**
 * The name of a step that unmounts both sides and mounts them again. Open files are closed before. With
 * `path` and `to`, a file is copied in the uppers meanwhile (offline-changes.ts).
 */
export const COLD_START = 'coldStart';

/**
 * An argument that any call can have: a field of statx(2) that is requested afterwards, of the call's file or
 * path.
 */
export const CHECK = 'check';

/** Returns the attribute that a step requests in addition, or null if it requests none or has no object. */
export function checkAfter({ actor, arguments: { check, slot, path } }: Operation, side: Side): string | null {
  if (typeof check !== 'string') return null;
  const of = typeof slot === 'number' ? side.files.get(actor, slot)?.fd : path;
  if (typeof of === 'number') return answerOf(of, check as sys.StatxField);
  if (typeof of !== 'string') return null;
  let answer = '';
  const result = sys.outcome(() => {
    answer = answerOf(side.at(of), check as sys.StatxField);
  });
  return result === 'ok' ? answer : result;
}

const anActor = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Actor>('root') },
  { weight: 4, arbitrary: fc.constantFrom<Actor>('alice', 'bob') },
);

type Weighted = fc.WeightedArbitrary<Operation>;

function weighted(calls: Readonly<Record<string, Call>>, actor: fc.Arbitrary<Actor>, times: number): Weighted[] {
  return Object.entries(calls).map(([name, { weight, arguments: args }]) => ({
    weight: Math.ceil(weight * times),
    arbitrary: fc.record({ actor, call: fc.constant(name), arguments: fc.record(args) }),
  }));
}

const root = fc.constant<Actor>('root');
const always = (call: string): fc.Arbitrary<Operation> => fc.constant({ actor: 'root', call, arguments: {} });

export const anOperation: fc.Arbitrary<Operation> = fc.oneof(...weighted(PLAIN_CALLS, anActor, 1), {
  weight: 2,
  arbitrary: always(LOOK),
});

const aFewPaths = fc.record({ path: aFewPath, to: aFewPath });
/** Copies to a name that is usually free. */
const aCopy = fc.record({ path: aFewPath, to: aPath });

/** Calls that make and remove names of one file, or affect other users of the file, are more frequent. */
const MORE_OFTEN: Readonly<Record<string, number>> = {
  link: 6,
  unlink: 3,
  flock: 3,
  write: 3,
  pwrite: 3,
  pread: 2,
  chmod: 2,
  rmdir: 0.3,
};
const nearCalls = Object.fromEntries(
  Object.entries(PLAIN_CALLS).map(([name, one]) => [name, { ...one, weight: one.weight * (MORE_OFTEN[name] ?? 1) }]),
);

/** Attributes that decide about permissions, and about names of one file, are more frequent. */
const aCheck = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom<sys.StatxField>('mode', 'nlink', 'ino') },
  { weight: 2, arbitrary: aField },
);

/**
 * Three of four operations use one of a few paths, so that they often use a name that the kernel has
 * forgotten. Half of them also request one attribute of the object.
 */
const aNearOperation = fc
  .record({
    operation: fc.oneof(...weighted(nearCalls, anActor, 10)),
    few: fc.option(aFewPaths, { freq: 4 }),
    check: fc.option(aCheck, { freq: 3 }),
  })
  .map(({ operation, few, check }): Operation => {
    const { path, to } = operation.arguments;
    const near = {
      ...(few !== null && typeof path === 'string' ? { path: few.path } : {}),
      ...(few !== null && typeof to === 'string' ? { to: few.to } : {}),
      ...(check === null ? {} : { [CHECK]: check }),
    };
    return { ...operation, arguments: { ...operation.arguments, ...near } };
  });

/** Between the operations, the kernel forgets its caches, or both sides are unmounted and mounted again. */
export const anOperationOfForgetfulKernel: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 6000, arbitrary: aNearOperation },
  ...weighted(FORGETTING_CALLS, root, 1),
  { weight: 12, arbitrary: always(LOOK) },
  { weight: 3, arbitrary: always(COLD_START) },
  { weight: 5, arbitrary: fc.record({ actor: root, call: fc.constant(COLD_START), arguments: aCopy }) },
);

/** Makes the call, and returns its result as text, or the name of the errno. */
export function perform({ actor, call, arguments: args }: Operation, side: Side): string {
  let returned: unknown;
  const outcome = sys.outcome(() =>
    actAs(actor, () => {
      returned = callOf(call).run(args, { side, actor });
    }),
  );
  return outcome === 'ok' ? `ok ${JSON.stringify(returned ?? null)}` : outcome;
}

function callOf(name: string): (typeof CALLS)[string] {
  const known = CALLS[name];
  if (known === undefined) throw new Error(`unknown call ${name}; known are: ${Object.keys(CALLS).join(' ')}`);
  return known;
}

/**
 * Writes an operation as text, such as `alice rename path="a/b" to="c" flag="plain"`, with bytes above ASCII
 * as \u00XX.
 */
export function formatOperation({ actor, call, arguments: args }: Operation): string {
  return [actor, call, ...Object.entries(args).map(([name, value]) => `${name}=${formatArgument(name, value)}`)].join(
    ' ',
  );
}

function formatArgument(name: string, value: Argument): string {
  if (typeof value === 'number') return name === 'mode' && value > 7 ? `0o${value.toString(8)}` : String(value);
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

export function parseOperation(line: string): Operation {
  const [, actor, call, rest = ''] = /^\s*(\w+) (\w+)(.*)$/.exec(line) ?? [];
  if (call === undefined || !ACTOR_NAMES.some((name) => name === actor)) {
    throw new Error(
      `not a step: ${line}; expected ACTOR CALL NAME=VALUE …, with ACTOR one of ${ACTOR_NAMES.join(' ')}`,
    );
  }
  const args: Record<string, Argument> = {};
  for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|[-\w]+)/g)) {
    args[name] = value.startsWith('"') ? (JSON.parse(value) as string) : Number(value);
  }
  return { actor: actor as Actor, call, arguments: args };
}
