/** Ids of users, or of groups: on the disk, and as a mount shows them. */

/** `count` ids on the disk, from `disk` on, are shown as those from `shown` on. */
export interface IdRange {
  readonly disk: number;
  readonly shown: number;
  readonly count: number;
}

/**
 * Plain data: which ids a mount shows. Absent ranges: those of the disk. `all`: this one, whatever the disk
 * says.
 */
export type IdRule = { readonly ranges: readonly IdRange[] } | { readonly all: number };

/** What stands for an id that has no counterpart (man user_namespaces(7), /proc/sys/kernel/overflowuid). */
export const NOBODY = 65534;

export class IdMap {
  constructor(private readonly rule: IdRule | undefined) {}

  /** What `disk` is shown as. */
  shown(disk: number): number {
    const { rule } = this;
    if (rule === undefined) return disk;
    if ('all' in rule) return rule.all;
    for (const range of rule.ranges) {
      if (disk >= range.disk && disk - range.disk < range.count) return disk - range.disk + range.shown;
    }
    return NOBODY;
  }

  /** What is written for `shown`; null: nothing on the disk would be shown so. */
  disk(shown: number): number | null {
    const { rule } = this;
    if (rule === undefined || 'all' in rule) return shown;
    for (const range of rule.ranges) {
      if (shown >= range.shown && shown - range.shown < range.count) return shown - range.shown + range.disk;
    }
    return null;
  }
}
