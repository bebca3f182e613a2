/** Runs a case in the directory of a target that has its tree. */
import { basename, dirname, join } from 'node:path';
import * as sys from '../harness/sys/index.js';
import type { Capability, Case, Context } from './case.js';
import type { OpenTarget, Target } from './targets/target.js';

/** Returns the capabilities that `one` needs and `target` lacks. */
export function missingCapabilities(one: Case, target: Target): Capability[] {
  return one.needs.filter((need) => !target.capabilities.has(need));
}

/** Runs a case. `observe` receives every system call that it makes on the merged tree. */
export function runCase(one: Case, opened: OpenTarget, observe: sys.Observer = () => undefined): void {
  const deferred: (() => void)[] = [];
  const root = join(opened.root, one.id);
  const upper = (relative: string): string => {
    if (opened.upper === null)
      throw new Error(`${one.id} reads the upper layer but does not need the capability 'upper'`);
    return join(opened.upper, one.id, relative);
  };
  const context: Context = {
    root,
    path: (relative) => `${root}/${relative}`,
    upper,
    isWhiteout: (relative) => opened.form.isWhiteout(dirname(upper(relative)), basename(relative)),
    isOpaque: (relative) => opened.form.isOpaque(upper(relative)),
    open: (relative, flags, mode) => {
      const fd = sys.open(`${root}/${relative}`, flags, mode);
      deferred.push(() => sys.close(fd));
      return fd;
    },
    defer: (body) => deferred.push(body),
  };
  const onMerged: sys.Observer = (call, result, what) => {
    if (opened.upper === null || !String(what).startsWith(opened.upper)) observe(call, result, what);
  };
  try {
    sys.observeCalls(onMerged, () => one.run(context));
  } finally {
    for (const body of deferred.reverse()) body();
  }
}
