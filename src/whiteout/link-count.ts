/**
 * The number of names that a copied-up file has in the union, lower names included, as it is stored on the
 * copy. It is stored as the difference to a link count that the same step does not change. So it is right
 * even if the server is killed between two system calls (fs/overlayfs/util.c:ovl_nlink_start).
 */

/** `U+1`: as many links more than the copy has; `L-1`: one less than the lower file has (ovl_get_nlink). */
const COUNT = /^([UL])([+-]\d{1,9})$/;

export interface LinkCount {
  /** Whose link count the difference is added to. */
  readonly relativeTo: 'copy' | 'lower';
  readonly difference: number;
}

/** Null if `text` is no such count. */
export function parseLinkCount(text: string): LinkCount | null {
  const [, from, difference] = COUNT.exec(text) ?? [];
  if (from === undefined) return null;
  return { relativeTo: from === 'U' ? 'copy' : 'lower', difference: Number(difference) };
}

export function formatLinkCount({ relativeTo, difference }: LinkCount): string {
  return `${relativeTo === 'copy' ? 'U' : 'L'}${difference < 0 ? '' : '+'}${difference}`;
}
