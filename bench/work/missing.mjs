/** What a search along a path does: the same names again and again, and they are not there. */
const repeated = {
  name: 'missing',
  group: 'missing',
  title: 'failing lookups, 1,000 names 100 times',
  recipe: 'tree',
  access: 'writable',
  tools: ['gcc'],
  measure: async ({ root, layers, shell, program }) => {
    const rounds = 100 * layers.scale;
    const { output } = await shell(`${program('missing')} ${root}/tree/a 1000 ${rounds}`, { wantsOutput: true });
    return { seconds: Number(output) };
  },
};

export const works = [repeated];
