/** What a call of a script is: arguments that are plain values, and what it does to a tree. */
import type fc from 'fast-check';
import type { Actor } from './actors.js';
import type { Side } from './side.js';

export type Argument = string | number;
export type Arguments = Readonly<Record<string, Argument>>;

/** Who does it, and where. */
export interface Doer {
  readonly side: Side;
  readonly actor: Actor;
}

export interface Call {
  /** How often among all calls. */
  readonly weight: number;
  readonly arguments: { readonly [name: string]: fc.Arbitrary<Argument> };
  /** What it returns is compared between the two trees. */
  run(args: Arguments, doer: Doer): unknown;
}

export function call<A extends Arguments>(
  weight: number,
  args: { readonly [K in keyof A]: fc.Arbitrary<A[K]> },
  run: (args: A, doer: Doer) => unknown,
): Call {
  return { weight, arguments: args, run: run as Call['run'] };
}

/** A call on an open file of the actor's; nothing happens while there is none in the slot. */
export const NOTHING_HELD = 'nothing held';
