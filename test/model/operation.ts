/** One step of a script: who does what. A plain value, with a form for people. */
import fc from 'fast-check';
import * as sys from '../harness/sys/index.js';
import { ACTOR_NAMES, type Actor, actAs } from './actors.js';
import type { Argument, Arguments } from './call.js';
import { CALLS } from './calls/index.js';
import type { Side } from './side.js';

export interface Operation {
  readonly actor: Actor;
  readonly call: string;
  readonly arguments: Arguments;
}

/** Compares the whole trees, instead of a call. */
export const LOOK = 'look';

const anActor = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Actor>('root') },
  { weight: 4, arbitrary: fc.constantFrom<Actor>('alice', 'bob') },
);

const calls = Object.entries(CALLS).map(([name, { weight, arguments: args }]) => ({
  weight,
  arbitrary: fc.record({ actor: anActor, call: fc.constant(name), arguments: fc.record(args) }),
}));
const look = fc.constant<Operation>({ actor: 'root', call: LOOK, arguments: {} });

export const anOperation: fc.Arbitrary<Operation> = fc.oneof(...calls, { weight: 2, arbitrary: look });

/** What the call returned as text, or the errno's name. */
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
  if (known === undefined) throw new Error(`no such call: ${name}; there are: ${Object.keys(CALLS).join(' ')}`);
  return known;
}

/** `alice rename path="a/b" to="c" flag="plain"`; bytes above ASCII as \u00XX. */
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
    throw new Error(`not a step: ${line}; wanted: ACTOR CALL NAME=VALUE …, ACTOR one of ${ACTOR_NAMES.join(' ')}`);
  }
  const args: Record<string, Argument> = {};
  for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=("(?:[^"\\]|\\.)*"|[-\w]+)/g)) {
    args[name] = value.startsWith('"') ? (JSON.parse(value) as string) : Number(value);
  }
  return { actor: actor as Actor, call, arguments: args };
}
