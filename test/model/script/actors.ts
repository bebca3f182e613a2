/** The users who act in a script. */
import * as sys from '../../harness/sys/index.js';

export const ACTORS = {
  root: { uid: 0, gid: 0, groups: [], umask: 0o022 },
  alice: { uid: sys.ALICE, gid: sys.STAFF, groups: [sys.STAFF, sys.PROJECT], umask: 0o027 },
  bob: { uid: sys.BOB, gid: sys.PROJECT, groups: [], umask: 0o002 },
} as const satisfies Record<string, sys.Identity & { readonly umask: number }>;

export type Actor = keyof typeof ACTORS;
export const ACTOR_NAMES = Object.keys(ACTORS) as Actor[];

export function actAs<T>(actor: Actor, body: () => T): T {
  const { umask, ...identity } = ACTORS[actor];
  return sys.withUmask(umask, () => (identity.uid === 0 ? body() : sys.asIdentity(identity, body)));
}
