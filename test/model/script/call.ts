/** A call of a script: its arguments, which are plain values, and its effect on a tree. */
import type fc from 'fast-check';
import type { Side } from '../sides/side.js';
import type { Actor } from './actors.js';

export type Argument = string | number;
export type Arguments = Readonly<Record<string, Argument>>;

/** The actor of a call, and the side it is made on. */
export interface CallContext {
  readonly side: Side;
  readonly actor: Actor;
}

export interface Call {
  /** The frequency among all calls. */
  readonly weight: number;
  readonly arguments: { readonly [name: string]: fc.Arbitrary<Argument> };
  /** Makes the call. Its result is compared between the two sides. */
  run(args: Arguments, doer: CallContext): unknown;
}

export function call<A extends Arguments>(
  weight: number,
  args: { readonly [K in keyof A]: fc.Arbitrary<A[K]> },
  run: (args: A, doer: CallContext) => unknown,
): Call {
  return { weight, arguments: args, run: run as Call['run'] };
}

/** The result of a call on a slot of the actor without an open file. */
export const NOTHING_HELD = 'nothing held';
