/** All calls of a script, by name. */
import type { Call } from '../script/call.js';
import { attributeCalls } from './attributes.js';
import { contentCalls } from './content.js';
import { directoryCalls } from './directories.js';
import { forgettingCalls } from './forgetting.js';
import { handleCalls } from './handles.js';
import { mappingCalls } from './mappings.js';
import { nameCalls } from './names.js';
import { oneFieldCalls } from './one-field.js';
import { socketCalls } from './sockets.js';

/** Calls that change or read the trees. */
export const PLAIN_CALLS: Readonly<Record<string, Call>> = {
  ...nameCalls,
  ...attributeCalls,
  ...contentCalls,
  ...handleCalls,
  ...mappingCalls,
  ...directoryCalls,
  ...oneFieldCalls,
  ...socketCalls,
};

export const FORGETTING_CALLS: Readonly<Record<string, Call>> = forgettingCalls;

export const CALLS: Readonly<Record<string, Call>> = { ...PLAIN_CALLS, ...FORGETTING_CALLS };
