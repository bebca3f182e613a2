import type { Case } from '../case.js';
import { aclCases } from './acls.js';
import { allocateCases } from './allocate.js';
import { argumentCases } from './arguments.js';
import { attributeCases } from './attributes.js';
import { aufsCases } from './aufs.js';
import { dataCases } from './data.js';
import { descriptorCases } from './descriptors.js';
import { hardLinkCases } from './hard-links.js';
import { inodeFlagCases } from './inode-flags.js';
import { linkCases } from './link.js';
import { lockCases } from './locks.js';
import { lookupCases } from './lookup.js';
import { makeCases } from './make.js';
import { mappingCases } from './mapping.js';
import { markCases } from './marks.js';
import { nameCases } from './names.js';
import { onDiskCases } from './on-disk.js';
import { openCases } from './open.js';
import { pathCases } from './paths.js';
import { permissionCases } from './permissions.js';
import { readDirectoryCases } from './read-directory.js';
import { readOnlyCases } from './read-only.js';
import { refusalCases } from './refusals.js';
import { removeCases } from './remove.js';
import { renameCases } from './rename.js';
import { renameDirectoryCases } from './rename-directory.js';
import { setIdCases } from './set-id.js';
import { statusFlagCases } from './status-flags.js';
import { xattrCases } from './xattrs.js';

/** The group of cases on read-only unions: the layers of its cases are all lower ones. */
export const READ_ONLY_GROUP = 'read-only';

const MARKS_GROUP = 'times that are marked';

/**
 * Groups whose trees are not compared after a remount: they have many cases, which change nothing, or the
 * same as other groups.
 */
export const SHOWN_ONCE: ReadonlySet<string> = new Set(['errnos', READ_ONLY_GROUP, MARKS_GROUP]);

/** All cases, by the file that defines them. */
export const caseGroups: ReadonlyMap<string, readonly Case[]> = new Map([
  ['lookup and stat', lookupCases],
  ['names', nameCases],
  ['errnos', [...pathCases, ...descriptorCases, ...argumentCases, ...refusalCases]],
  [READ_ONLY_GROUP, readOnlyCases],
  ['open', openCases],
  ['data', dataCases],
  ['allocate, seek, copy, sync', allocateCases],
  ['attributes', attributeCases],
  [MARKS_GROUP, markCases],
  ['set-id bits and capabilities', setIdCases],
  ['status flags of open files', statusFlagCases],
  ['inode flags', inodeFlagCases],
  ['xattrs', xattrCases],
  ['ACLs', aclCases],
  ['permissions', permissionCases],
  ['make', makeCases],
  ['link', linkCases],
  ['hard links', hardLinkCases],
  ['remove', removeCases],
  ['rename', renameCases],
  ['rename of directories', renameDirectoryCases],
  ['read directory', readDirectoryCases],
  ['mappings', mappingCases],
  ['locks', lockCases],
  ['on disk', onDiskCases],
  ['aufs', aufsCases],
]);
