/** Runs one case on a stage. */
import { basename, dirname, join } from 'node:path';
import * as sys from '../harness/sys/index.js';
import type { Capability, Case, Context } from './case.js';
import type { Stage, Target } from './targets/target.js';

/** What `target` lacks for `one`; empty when it can run. */
export function missingCapabilities(one: Case, target: Target): Capability[] {
  return one.needs.filter((need) => !target.capabilities.has(need));
}

export function runCase(one: Case, stage: Stage): void {
  const deferred: (() => void)[] = [];
  const root = join(stage.root, one.id);
  const upper = (relative: string): string => {
    if (stage.upper === null) throw new Error(`${one.id} looks into the upper layer without needing it`);
    return join(stage.upper, one.id, relative);
  };
  const context: Context = {
    root,
    path: (relative) => `${root}/${relative}`,
    upper,
    isWhiteout: (relative) => stage.form.isWhiteout(dirname(upper(relative)), basename(relative)),
    isOpaque: (relative) => stage.form.isOpaque(upper(relative)),
    open: (relative, flags, mode) => {
      const fd = sys.open(`${root}/${relative}`, flags, mode);
      deferred.push(() => sys.close(fd));
      return fd;
    },
    defer: (body) => deferred.push(body),
  };
  try {
    one.run(context);
  } finally {
    for (const body of deferred.reverse()) body();
  }
}
