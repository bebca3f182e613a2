/** An object that nobody sees yet: `name` under `dirfd`, or an open file when `name` is `''`. */
export interface StagedObject {
  readonly dirfd: number;
  readonly name: string;
}
