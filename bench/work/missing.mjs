/**
 * What a search along a path does: the same names again and again, and they are not there. So often that what
 * is measured is how they are found missing once more, and not the first time, when a server that has just
 * started has yet to warm up.
 */
const repeated = {
  name: 'missing',
  group: 'missing',
  title: 'failing lookups, 1,000 names 2,000 times',
  recipe: 'tree',
  access: 'writable',
  tools: ['gcc'],
  measure: async ({ root, layers, shell, program }) => {
    const rounds = 2000 * layers.scale;
    const { output } = await shell(`${program('missing')} ${root}/tree/a 1000 ${rounds}`, { wantsOutput: true });
    return { seconds: Number(output) };
  },
};

export const works = [repeated];
