/** Every failure that is expected, with its reason. */
import { known as ltp } from './ltp.mjs';
import { known as xfstests } from './xfstests.mjs';

/** @type {import('../judge.mjs').Known[]} pjdfstest and unionmount-testsuite have none: all of them has to pass */
export const known = [...xfstests, ...ltp];
