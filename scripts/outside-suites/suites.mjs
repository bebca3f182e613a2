/** The suites, by the word of the command line that chooses them. */
import { ltp } from './ltp.mjs';
import { pjdfstest } from './pjdfstest.mjs';
import { unionmount } from './unionmount.mjs';
import { xfstests } from './xfstests.mjs';

export const suites = { pjdfstest, unionmount, xfstests, ltp };
