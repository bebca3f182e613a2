/** Runs one case on a stage. */
import { basename, dirname, join } from 'node:path';
import * as sys from '../harness/sys/index.js';
import type { Capability, Case, Context } from './case.js';
import type { Stage, Target } from './targets/target.js';

/** What `target` lacks for `one`; empty when it can run. */
export function missingCapabilities(one: Case, target: Target): Capability[] {
  return one.needs.filter((need) => !target.capabilities.has(need));
}

/** `observe` is told of every system call that the case makes on the merged tree. */
export function runCase(one: Case, stage: Stage, observe: sys.Observer = () => undefined): void {
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
  const onMerged: sys.Observer = (call, came, what) => {
    if (stage.upper === null || !String(what).startsWith(stage.upper)) observe(call, came, what);
  };
  try {
    sys.observeCalls(onMerged, () => one.run(context));
  } finally {
    for (const body of deferred.reverse()) body();
  }
}
