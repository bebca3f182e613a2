/** The targets of the model test, and how many runs each gets in the default test run. */
import { aufsTarget, overlayTarget, type Target } from './target.js';

/** Steps of a run before and after the mounts change hands. */
export const STEPS = [400, 250] as const;

/** Together 13,000 operations; `npm run soak` has as many as you like. */
export const TARGETS: readonly { readonly target: Target; readonly runs: number }[] = [
  { target: overlayTarget([]), runs: 6 },
  { target: overlayTarget(['redirect_dir=on', 'metacopy=on']), runs: 5 },
  { target: overlayTarget(['redirect_dir=on', 'metacopy=on', 'index=on']), runs: 5 },
  { target: aufsTarget, runs: 4 },
];
