/**
 * The number of names of a copied-up file in the union, lower names included, as it is stored on the copy.
 * The stored value is the difference to a link count that the same step does not change. So it is correct
 * even if the server is killed between two system calls (fs/overlayfs/util.c:ovl_nlink_start).
 */

/** `U+1`: one more than the copy has links; `L-1`: one less than the lower file has (ovl_get_nlink). */
const COUNT = /^([UL])([+-]\d{1,9})$/;

export interface LinkCount {
  /** The file to whose link count the difference is added. */
  readonly relativeTo: 'copy' | 'lower';
  readonly difference: number;
}

/** Returns null if `text` is not a valid count. */
export function parseLinkCount(text: string): LinkCount | null {
  const [, from, difference] = COUNT.exec(text) ?? [];
  if (from === undefined) return null;
  return { relativeTo: from === 'U' ? 'copy' : 'lower', difference: Number(difference) };
}

export function formatLinkCount({ relativeTo, difference }: LinkCount): string {
  return `${relativeTo === 'copy' ? 'U' : 'L'}${difference < 0 ? '' : '+'}${difference}`;
}
