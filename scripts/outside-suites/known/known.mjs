/** All expected failures, with their reasons. */
import { known as ltp } from './ltp.mjs';
import { known as xfstests } from './xfstests.mjs';

/**
 * @type {import('../judge.mjs').Known[]} pjdfstest and unionmount-testsuite have none: all their tests must
 * pass
 */
export const known = [...xfstests, ...ltp];
