/**
 * A search along a path looks up the same missing names again and again. They are looked up often enough that
 * the first time, when the server has just started and is slow, does not matter.
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
