/**
 * The folders of src that each folder may import; imports only point down. An entry is a folder, or the only
 * file of a folder that may be imported.
 *
 * This table is in the project and not in a tool, because the diagrams of ARCHITECTURE.md are drawn from it,
 * and Biome's noRestrictedImports would need an override of several lines for each room. dependency-cruiser
 * cannot read TypeScript 7. Imports are found by the parser of rolldown, and cycles by Biome.
 */
export const ALLOWED = new Map([
  ['cli', ['service', 'server', 'store', 'fuse', 'sys', 'core']],
  ['index', ['service', 'server', 'core']],
  ['service', ['server', 'store', 'fuse', 'sys', 'core']],
  ['server', ['union', 'fuse', 'sys', 'core']],
  ['store', ['copyup', 'whiteout', 'sys', 'core']],
  ['union', ['copyup', 'whiteout', 'fuse/operations', 'sys', 'core']],
  ['copyup', ['whiteout', 'sys', 'core']],
  ['whiteout', ['sys', 'core']],
  ['fuse', ['sys', 'core']],
  ['sys', ['core']],
  ['core', []],
]);

/** The files of a folder that are in no room. */
export const NO_ROOM = '.';

/**
 * The rooms (subfolders) of each folder, from top to bottom. A room imports only rooms further down the list.
 * Rooms in one array are on the same floor: none of them imports another. An entry can also be one file of
 * the folder.
 */
export const ROOMS = new Map([
  ['cli', [NO_ROOM, 'commands', 'process', 'manual', 'syntax', 'output', 'package-root']],
  ['service', [NO_ROOM, 'supervisor', 'client', 'control', 'front', 'pool', 'warm', 'directory', 'order']],
  [
    'server',
    [NO_ROOM, ['thread', 'process'], ['serving', 'checks'], 'options', 'options/table', 'options/kinds', 'config'],
  ],
  ['store', ['convert', ['layers', 'destination', 'docker'], NO_ROOM]],
  [
    'union',
    [
      NO_ROOM,
      'filesystem',
      'ops',
      'names',
      'create',
      'lookup',
      'promote',
      'objects',
      'state',
      ['prefetch', 'links'],
      'nodes',
      'layers',
    ],
  ],
  ['copyup', ['pool', NO_ROOM]],
  ['whiteout', ['aufs', ['overlay', 'overrides'], [NO_ROOM, 'work']]],
  [
    'fuse',
    [NO_ROOM, 'libfuse2', 'libfuse2/paths', 'loop', ['serve', 'mount'], 'handlers', 'control', 'wire', 'operations'],
  ],
  ['sys', [['waiting', 'process', 'ipc', 'rights'], ['locks', 'files'], NO_ROOM]],
]);

/** The most files that a room may have. */
export const MAX_FILES = 12;

/** Packages that only one folder may import. */
const PACKAGE_HOMES = new Map([
  ['koffi', 'sys'],
  ['commander', 'cli'],
  ['fuse-native', 'fuse'],
]);

/** src/union/nodes/node.ts → union; src/index.ts → index. */
export function folderOf(path) {
  return pathInSource(path).split('/')[0];
}

/** The folder of src that holds `path`, subfolders included: src/union/nodes/node.ts → union/nodes. */
export function roomOf(path) {
  return pathInSource(path).split('/').slice(0, -1).join('/');
}

/**
 * The rule that forbids `importer` to import `target` (a path under src, or a package); undefined: none does.
 */
export function ruleViolation(importer, target) {
  const from = folderOf(importer);
  if (!target.startsWith('src/')) {
    const home = PACKAGE_HOMES.get(target);
    return home === undefined || home === from ? undefined : `only src/${home} may`;
  }
  const to = folderOf(target);
  if (from === to) return roomViolation(importer, target);
  const allowed = ALLOWED.get(from) ?? [];
  if (allowed.includes(to) || allowed.includes(pathInSource(target))) return undefined;
  return allowed.length > 0 ? `src/${from} may import only ${allowed.join(', ')}` : `src/${from} may import nothing`;
}

/** The same for two files of one folder: their rooms decide. */
function roomViolation(importer, target) {
  const from = floorOf(importer);
  const to = floorOf(target);
  if (from === undefined) return `the room of ${importer} is not in the table of scripts/architecture/rules.mjs`;
  if (to === undefined) return `its room is not in the table of scripts/architecture/rules.mjs`;
  if (from.room === to.room || from.index < to.index) return undefined;
  return `room ${to.room} is not below room ${from.room}`;
}

/** The room of `path` and its place in the list, or undefined when its folder has no such room. */
function floorOf(path) {
  const folder = folderOf(path);
  const floors = ROOMS.get(folder) ?? [NO_ROOM];
  const inFolder = pathInSource(path).slice(folder.length + 1);
  const subfolder = inFolder.split('/').slice(0, -1).join('/') || NO_ROOM;
  for (const room of [inFolder, subfolder]) {
    const index = floors.findIndex((floor) => [floor].flat().includes(room));
    if (index >= 0) return { room, index };
  }
  return undefined;
}

function pathInSource(path) {
  return path.replace(/^src\/|\.ts$/g, '');
}
