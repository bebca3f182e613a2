import type { Case } from '../case.js';
import { aclCases } from './acls.js';
import { allocateCases } from './allocate.js';
import { attributeCases } from './attributes.js';
import { aufsCases } from './aufs.js';
import { dataCases } from './data.js';
import { hardLinkCases } from './hard-links.js';
import { inodeFlagCases } from './inode-flags.js';
import { linkCases } from './link.js';
import { lockCases } from './locks.js';
import { lookupCases } from './lookup.js';
import { makeCases } from './make.js';
import { mappingCases } from './mapping.js';
import { nameCases } from './names.js';
import { onDiskCases } from './on-disk.js';
import { openCases } from './open.js';
import { permissionCases } from './permissions.js';
import { readDirectoryCases } from './read-directory.js';
import { removeCases } from './remove.js';
import { renameCases } from './rename.js';
import { renameDirectoryCases } from './rename-directory.js';
import { setIdCases } from './set-id.js';
import { xattrCases } from './xattrs.js';

/** All cases, by the file that holds them. One target is mounted once for each group. */
export const caseGroups: ReadonlyMap<string, readonly Case[]> = new Map([
  ['lookup and stat', lookupCases],
  ['names', nameCases],
  ['open', openCases],
  ['data', dataCases],
  ['allocate, seek, copy, sync', allocateCases],
  ['attributes', attributeCases],
  ['set-id bits and capabilities', setIdCases],
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
