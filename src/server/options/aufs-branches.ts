/** The list of branches: `DIR[=PERM[+ATTRIBUTE...]]:...` (aufs(5), Branch Syntax). */
import { printable } from '../config/mount-error.js';
import { splitLayers } from './kinds/option-list.js';
import { invalid } from './kinds/value-kinds.js';

/** One branch, as the list describes it. */
export interface Branch {
  /** The path, as bytes. */
  readonly path: string;
  readonly writable: boolean;
  /** Whiteouts of the branch hide names in the branches below. */
  readonly honoursWhiteouts: boolean;
  /** Whiteouts that are made in the branch are hard links to one file. */
  readonly linkWhiteouts: boolean;
}

/**
 * Attributes that control from and to which branch aufs copies or moves files. They have no effect here,
 * because there is only one rw branch.
 */
const IGNORED_ATTRIBUTE = /^(moo|coo_reg|coo_all|fhsm|unpin|icex(sec|sys|tr|usr|oth)?)$/;

/**
 * Parses the list of branches.
 * @param readOnly the mount is read-only, so no branch is rw unless its permission is rw
 * @param note receives a line about each word that is not understood
 */
export function branchesFrom(list: string, readOnly: boolean, note: (line: string) => void): Branch[] {
  if (list === '') throw invalid('br', undefined, 'empty');
  const branches = splitLayers(list).map((text, i) => parseBranch(text, i === 0 && !readOnly, note));
  const second = branches.findIndex(({ writable }, i) => writable && i > 0);
  if (second > 0) {
    throw invalid('br', branches[second]?.path, 'only the first branch can be rw here');
  }
  return branches;
}

/** Parses one entry of the list. */
function parseBranch(text: string, writableByDefault: boolean, note: (line: string) => void): Branch {
  const equals = text.lastIndexOf('=');
  const path = equals < 0 ? text : text.slice(0, equals);
  if (path === '') throw invalid('br', text, 'empty path');
  const [permission = '', ...attributes] = equals < 0 ? [] : text.slice(equals + 1).split('+');
  const writable = isWritable(permission, writableByDefault, path, note);
  for (const attribute of attributes) {
    if (isKnownAttribute(attribute, writable)) continue;
    note(`branch ${printable(path)}: attribute ignored: ${printable(attribute)}`);
  }
  return {
    path,
    writable,
    honoursWhiteouts: writable || attributes.includes('wh'),
    linkWhiteouts: !attributes.includes('nolwh'),
  };
}

/** Whether a permission makes the branch rw. */
function isWritable(permission: string, byDefault: boolean, path: string, note: (line: string) => void): boolean {
  switch (permission) {
    case '':
      return byDefault;
    case 'rw':
      return true;
    case 'ro':
    case 'rr':
      return false;
    default:
      note(`branch ${printable(path)}: unknown permission ${printable(permission)}, taken as ro`);
      return false;
  }
}

function isKnownAttribute(attribute: string, writable: boolean): boolean {
  if (IGNORED_ATTRIBUTE.test(attribute)) return true;
  return writable ? attribute === 'nolwh' : attribute === 'wh';
}
