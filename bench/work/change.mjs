import { join } from 'node:path';
import { ARCHIVE } from '../recipes/tree.mjs';

const tree = { recipe: 'tree', access: 'writable', start: 'cold' };

/** Creates thousands of new files in new directories. The archive is in the page cache. */
const unpack = {
  ...tree,
  name: 'unpack',
  group: 'unpack',
  title: 'unpack a tar of 20,000 files',
  changes: [],
  tools: ['tar'],
  prepare: ({ layers }) => `cat ${join(layers.directory, ARCHIVE)}`,
  command: ({ root, layers }) => `mkdir ${root}/new && tar -C ${root}/new -xf ${join(layers.directory, ARCHIVE)}`,
};

/** A union must hide every name of a layer. */
const remove = {
  ...tree,
  name: 'remove',
  group: 'remove',
  title: '`rm -rf` of 20,000 lower files',
  changes: ['tree/a'],
  command: ({ root }) => `rm -rf ${root}/tree/a`,
};

/** Every file and directory is copied up. */
const chmod = {
  ...tree,
  name: 'chmod',
  group: 'chmod',
  title: '`chmod -R` of 20,000 lower files',
  changes: ['tree/a'],
  command: ({ root }) => `chmod -R g+w ${root}/tree/a`,
};

export const works = [unpack, remove, chmod];
