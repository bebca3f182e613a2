/** fio reads or writes 4 KiB at random positions of a file of 256 MiB in the upper, for some seconds. */
const FILE_MEBIBYTES = 256;
const SECONDS = 3;

const ways = {
  '': { title: '', options: '--ioengine=psync' },
  '-mmap': { title: ', mmap', options: '--ioengine=mmap' },
  '-direct': { title: ', O_DIRECT', options: '--ioengine=psync --direct=1', isDirect: true },
};

function job(direction, [suffix, { title, options, isDirect = false }]) {
  return {
    name: `random-${direction}${suffix}`,
    group: 'random',
    title: `random ${direction} of 4 KiB, upper${title}`,
    recipe: 'big',
    access: 'writable',
    changes: [],
    isDirect,
    tools: ['fio'],
    memory: 1024 * 2 ** 20,
    fill: ({ root }) => `dd if=/dev/zero of=${root}/file bs=1M count=${FILE_MEBIBYTES} conv=fsync status=none`,
    measure: (given) => runFio(given, direction, options),
    metrics: [{ name: 'microseconds', unit: 'µs', isCompared: true }],
  };
}

/** The file is read once before, so that the disk is not measured, except with O_DIRECT. */
async function runFio({ root, layers, shell }, direction, options) {
  await shell(`cat ${root}/file`);
  const command = [
    'fio --name=random --output-format=json --bs=4k --randseed=1 --allrandrepeat=1 --invalidate=0 --fallocate=none',
    `--filename=${root}/file --size=${FILE_MEBIBYTES}m --rw=rand${direction}`,
    `--time_based --runtime=${SECONDS * Math.max(layers.scale, 1 / SECONDS)} ${options}`,
  ].join(' ');
  const { output } = await shell(command, { wantsOutput: true });
  // fio can print other lines before its JSON.
  const figures = JSON.parse(output.slice(output.indexOf('{'))).jobs[0][direction];
  if (!(figures.iops > 0)) throw new Error('fio has done nothing');
  return { microseconds: 1e6 / figures.iops };
}

export const works = ['read', 'write'].flatMap((direction) => Object.entries(ways).map((way) => job(direction, way)));
