/** Makes the nodes of directories. */
import type { FileStat } from '../../core/file-stat.js';
import { RealDirectory } from '../layers/layer.js';
import { DirectoryNode } from '../nodes/node.js';
import type { Union } from '../state/union.js';
import { LowerSearch, type SearchStart } from './lower-search.js';
import { numberOfDirectory, ownNumber } from './stable-inode-numbers.js';

/**
 * The new node of a directory, merged with its parts in the layers below.
 * @param topmost its topmost part
 * @param stat the real stat of that part; replaced by the attributes to show
 */
export function nodeOfDirectory(union: Union, topmost: SearchStart, stat: FileStat): DirectoryNode {
  const search = new LowerSearch(union, topmost, 'directory');
  const { redirect, impure } = search.marks;
  const node = makeNode(union, topmost, search.directories(), stat, redirect !== null);
  if (node.upper !== null) {
    node.redirect = redirect;
    node.impure = impure;
  }
  return node;
}

/**
 * The new node of a directory that was just made in the upper.
 * @param lowers its parts in the layers below, top first
 * @param stat its real stat; replaced by the attributes to show
 */
export function nodeOfNewDirectory(
  union: Union,
  place: Place,
  lowers: readonly RealDirectory[],
  stat: FileStat,
): DirectoryNode {
  return makeNode(union, place, lowers, stat, false);
}

/** The merged parent and the real directory that contain an object, and its name there. */
type Place = Pick<SearchStart, 'dir' | 'name' | 'home'>;

/** @param isMoved a redirect leads to `lowers` */
function makeNode(
  union: Union,
  { dir, name, home }: Place,
  lowers: readonly RealDirectory[],
  stat: FileStat,
  isMoved: boolean,
): DirectoryNode {
  const { isUpper } = home.layer;
  const real = new RealDirectory(home.layer, home, name);
  const own = ownNumber(union.identity, home, stat);
  const node = new DirectoryNode(
    union.nodes.newId(),
    dir,
    name,
    isUpper ? numberOfDirectory(union, own, lowers[0], isMoved) : union.identity.numbers.ofLower(own),
    isUpper ? real : null,
    isUpper ? lowers : [real, ...lowers],
  );
  // Protection flags that the dialect stores are read when they are needed.
  if (stat.protection === 0 && (!isUpper || union.stack.dialect.protections === null)) node.protection = 0;
  union.nodes.add(node);
  stat.ino = node.ino;
  if (node.isMerged) stat.nlink = 1;
  return node;
}
