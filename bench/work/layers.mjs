/** A walk through the same 4,000 names in each of `depth` layers. */
function walk(depth) {
  return {
    name: `layers-${depth}`,
    group: 'layers',
    title: `metadata walk of the same 4,000 files in ${depth} ${depth === 1 ? 'layer' : 'layers'}, cold`,
    recipe: 'stack',
    depth,
    access: 'writable',
    start: 'cold',
    command: ({ root }) => `find ${root}/tree -printf '%s\\n'`,
  };
}

export const works = [1, 16, 64, 128].map(walk);
