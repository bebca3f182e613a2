/**
 * Draws the table of allowed imports as a staircase: folders from top to bottom, and right of each the
 * folders that it may import. Imports point down if every mark is right of the diagonal.
 * @param {Map<string, string[]>} allowed
 */
export function drawDiagram(allowed) {
  const folders = [...allowed.keys()].sort((a, b) => floorOf(b, allowed) - floorOf(a, allowed));
  const columns = folders.filter((folder) => [...allowed.values()].flat().some((entry) => folderOf(entry) === folder));
  const margin = Math.max(...folders.map((folder) => folder.length));
  const notes = [];

  const cell = (row, column) => {
    const entry = (allowed.get(row) ?? []).find((candidate) => folderOf(candidate) === column);
    if (entry === undefined) return '';
    if (entry === column) return '▶';
    notes.push(`▷ only ${entry}.ts`);
    return '▷';
  };
  const line = (head, cells) =>
    [head.padEnd(margin), ...cells.map((text, index) => centre(text, columns[index].length))].join('  ').trimEnd();

  return [
    line('', columns),
    ...folders.map((row) =>
      line(
        row,
        columns.map((column) => cell(row, column)),
      ),
    ),
    ...notes,
  ].join('\n');
}

/**
 * Draws the rooms of each folder, from top to bottom. Rooms with a comma between them are on the same floor.
 * @param {Map<string, (string | string[])[]>} rooms
 */
export function drawRooms(rooms) {
  const margin = Math.max(...[...rooms.keys()].map((folder) => folder.length));
  const floors = (list) => list.map((floor) => [floor].flat().join(', '));
  return [...rooms].map(([folder, list]) => `${folder.padEnd(margin)}  ${floors(list).join(' ▶ ')}`).join('\n');
}

/** A folder is one floor above the highest folder that it imports. */
function floorOf(folder, allowed) {
  return 1 + Math.max(0, ...(allowed.get(folder) ?? []).map((entry) => floorOf(folderOf(entry), allowed)));
}

function folderOf(entry) {
  return entry.split('/')[0];
}

function centre(text, width) {
  return text.padStart(Math.ceil((width + text.length) / 2)).padEnd(width);
}
