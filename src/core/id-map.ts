/** Maps the ids of users or groups on disk to the ids that a mount shows. */

/** The `count` ids on disk from `disk` on are shown as the ids from `shown` on. */
export interface IdRange {
  readonly disk: number;
  readonly shown: number;
  readonly count: number;
}

/** The ids that a mount shows, as plain data: mapped ranges, or one id for all objects. */
export type IdRule = { readonly ranges: readonly IdRange[] } | { readonly all: number };

/**
 * The id that is shown for an id without a mapping (man user_namespaces(7), /proc/sys/kernel/overflowuid).
 */
export const NOBODY = 65534;

export class IdMap {
  constructor(private readonly rule: IdRule | undefined) {}

  /** The id that is shown for the id `disk`. */
  shown(disk: number): number {
    const { rule } = this;
    if (rule === undefined) return disk;
    if ('all' in rule) return rule.all;
    for (const range of rule.ranges) {
      if (disk >= range.disk && disk - range.disk < range.count) return disk - range.disk + range.shown;
    }
    return NOBODY;
  }

  /** The id to write for the shown id; null: no id on disk is shown as that one. */
  disk(shown: number): number | null {
    const { rule } = this;
    if (rule === undefined || 'all' in rule) return shown;
    for (const range of rule.ranges) {
      if (shown >= range.shown && shown - range.shown < range.count) return shown - range.shown + range.disk;
    }
    return null;
  }
}
