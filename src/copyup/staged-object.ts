/**
 * An object that has no name in the union yet: `name` under `dirfd`, or the open file `dirfd` if `name` is
 * `''`.
 */
export interface StagedObject {
  readonly dirfd: number;
  readonly name: string;
}
