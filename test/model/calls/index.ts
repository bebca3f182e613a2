/** All calls of a script, by name. */
import type { Call } from '../call.js';
import { attributeCalls } from './attributes.js';
import { contentCalls } from './content.js';
import { directoryCalls } from './directories.js';
import { handleCalls } from './handles.js';
import { mappingCalls } from './mappings.js';
import { nameCalls } from './names.js';

export const CALLS: Readonly<Record<string, Call>> = {
  ...nameCalls,
  ...attributeCalls,
  ...contentCalls,
  ...handleCalls,
  ...mappingCalls,
  ...directoryCalls,
};
