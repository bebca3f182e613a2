/**
 * How many names a file has that is copied up, lower ones that still show included, as the copy says it on disk: relative to a link
 * count that does not change in the same step, so that it is right after a kill at any moment (fs/overlayfs/util.c:ovl_nlink_start).
 */

/** `U+1`: as many links more than the copy has; `L-1`: one less than the lower file has (ovl_get_nlink). */
const COUNT = /^([UL])([+-]\d{1,9})$/;

export interface LinkCount {
  /** What the count is told by. */
  readonly relativeTo: 'copy' | 'lower';
  readonly difference: number;
}

/** null: it says nothing that can be told. */
export function parseLinkCount(text: string): LinkCount | null {
  const [, from, difference] = COUNT.exec(text) ?? [];
  if (from === undefined) return null;
  return { relativeTo: from === 'U' ? 'copy' : 'lower', difference: Number(difference) };
}

export function formatLinkCount({ relativeTo, difference }: LinkCount): string {
  return `${relativeTo === 'copy' ? 'U' : 'L'}${difference < 0 ? '' : '+'}${difference}`;
}
