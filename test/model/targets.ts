/** The targets of the model test, and how many runs each gets in the default test run. */
import { aufsTarget, overlayTarget, type Target } from './target.js';

/** Steps of a run before and after the mounts change hands. */
export const STEPS = [400, 250] as const;

/** Together 20,150 operations. */
export const TARGETS: readonly { readonly target: Target; readonly runs: number }[] = [
  { target: overlayTarget([]), runs: 11 },
  { target: overlayTarget(['redirect_dir=on', 'metacopy=on']), runs: 7 },
  { target: overlayTarget(['redirect_dir=on', 'metacopy=on', 'index=on']), runs: 7 },
  { target: aufsTarget, runs: 6 },
];
