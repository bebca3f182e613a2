import { join } from 'node:path';

/** One system call on a lower file of 1 GiB. */
function once(name, title, call, more = {}) {
  return {
    name,
    group: 'large-files',
    title,
    recipe: 'big',
    access: 'writable',
    changes: ['big'],
    tools: ['gcc'],
    memory: 2600 * 2 ** 20,
    // The data is read before: the disk is equally slow for all contenders.
    prepare: ({ layers }) => `cat ${join(layers.directory, 'bottom', 'big')}`,
    measure: async ({ root, shell, program }) => {
      const { output } = await shell(`${program('once')} ${call} ${root}/big`, { wantsOutput: true });
      return { seconds: Number(output) };
    },
    ...more,
  };
}

export const works = [
  once('copy-up', 'first write to a lower file of 1 GiB', 'write', { notPlain: 'nothing is copied' }),
  once('unlink-big', 'unlink of a lower file of 1 GiB', 'unlink'),
  once('truncate-big', 'O_TRUNC of a lower file of 1 GiB', 'truncate'),
  once('chmod-big', 'chmod of a lower file of 1 GiB, metacopy=on where it is known', 'chmod', { metacopy: true }),
];
