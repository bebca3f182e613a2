/**
 * Classifies a failure: expected, with a reason; one that another file system has as well; or a fault of
 * plyfs.
 */

/**
 * @typedef {{ suite: string, setups?: string[], test: string, kind: 'fuse' | 'elsewhere' | 'chosen' | 'open',
 * reason: string }} Known kind: `fuse`, no file system over FUSE can pass; `elsewhere`, the kernel's
 * overlayfs or a plain directory fails as well; `chosen`, plyfs differs on purpose; `open`, a fault of plyfs
 */

export const KINDS = {
  fuse: 'cannot pass over FUSE',
  elsewhere: "fails on the kernel's overlayfs or in a plain directory as well",
  chosen: 'plyfs differs on purpose',
  open: 'a fault of plyfs',
  new: 'not known yet',
};

/** The entry of the list of known failures that a test has, in this set-up. */
export function knownFailure(list, { word, setupName, test }) {
  return list.find(
    (known) => known.suite === word && known.test === test && (known.setups?.includes(setupName) ?? true),
  );
}

/**
 * Adds kind and reason to each failure.
 * @param beside {Record<string, Result[]>} results of the other targets for the failures that are not known
 * @returns {{ failures: { test: string, detail: string, kind: keyof KINDS, reason: string }[], unexpected:
 * number }}
 */
export function judge(results, beside, known, where) {
  const failures = results
    .filter(({ outcome }) => outcome === 'failed')
    .map(({ test, detail = '' }) => ({
      test,
      detail,
      ...judgement(test, beside, knownFailure(known, { ...where, test })),
    }));
  const unexpected = failures.filter(({ kind }) => kind === 'new' || kind === 'open').length;
  return { failures, unexpected };
}

function judgement(test, beside, entry) {
  if (entry) return { kind: entry.kind, reason: entry.reason };
  const others = Object.entries(beside)
    .filter(([, results]) => results.some((result) => result.test === test && result.outcome === 'failed'))
    .map(([target]) => target);
  if (others.length > 0) return { kind: 'elsewhere', reason: `fails on ${others.join(' and ')} too` };
  return { kind: 'new', reason: '' };
}
