/**
 * The targets of plyfs: at most so many times the figures of other contenders, or of itself.
 *
 * @typedef {object} Target
 * @property {string} title
 * @property {string} [subject] The contender that the target is for; default: the first.
 * @property {{work: string, metric?: string}[]} of
 * @property {Limit[]} limits Empty: the figure is only reported.
 *
 * @typedef {{kind: 'ratio', against: string, atMost: number} | {kind: 'amount', atMost: number, unit: string}
 * | {kind: 'growth', from: string, against: string} | {kind: 'given back', base: string, peak: string,
 * atLeast: number} | {kind: 'like', work: string, atMost: number}} Limit `growth`: the figure grows from one
 * work to that of the target, and must grow less than the other contender's. `given back`: of its growth from
 * `base` to `peak`, the figure must lose at least this part. `like`: the figure is at most so many times that
 * of the subject's other work.
 */

const PEER = 'fuse-overlayfs';
const LIMIT = 'kernel';

/** @param {number | undefined} peer @param {number | undefined} kernel @returns {Limit[]} */
function atMost(peer, kernel) {
  return [
    { kind: 'ratio', against: PEER, atMost: peer },
    { kind: 'ratio', against: LIMIT, atMost: kernel },
  ].filter((limit) => limit.atMost !== undefined);
}

const works = (...names) => names.map((work) => ({ work }));

const SERVICE = 'plyfs-service';
const FIRST_WORKS = ['walk', 'read-small', 'git-status'];

/**
 * The targets of mounts that the service serves (`plyfs serve`).
 * @type {Target[]}
 */
const ofService = [
  {
    title: 'service: mount until first answer',
    of: works('mount'),
    limits: [
      { kind: 'amount', atMost: 0.01, unit: 's' },
      { kind: 'ratio', against: PEER, atMost: 3 },
    ],
  },
  ...FIRST_WORKS.map((name) => ({
    title: 'service: first work of a new mount, as fast as on a warm one',
    of: works(`${name}-cold`),
    limits: [
      { kind: 'like', work: `${name}-again`, atMost: 1.1 },
      { kind: 'ratio', against: PEER, atMost: 0.7 },
    ],
  })),
  {
    title: 'service: first unlink, O_TRUNC of 1 GiB; chmod with metacopy',
    of: works('unlink-big', 'truncate-big', 'chmod-big'),
    limits: atMost(undefined, 3),
  },
  ...[
    [20, 100],
    [100, 200],
  ].map(([count, mebibytes]) => ({
    title: `service: memory of ${count} idle mounts`,
    of: [{ work: `idle-mounts-${count}`, metric: 'memory' }],
    limits: [{ kind: 'amount', atMost: mebibytes, unit: 'MiB' }],
  })),
  {
    title: 'service: containers, one after the other and at once, and a build',
    of: works('podman-run', 'podman-at-once', 'podman-build'),
    limits: atMost(1.1, 1.3),
  },
  {
    title: 'service: idle mounts use no CPU',
    of: [20, 100].map((count) => ({ work: `idle-mounts-${count}`, metric: 'cpu' })),
    limits: [{ kind: 'amount', atMost: 1, unit: 'ms/s' }],
  },
  {
    title: 'service: throughput of one mount, against one with its own server',
    of: works('walk-again', 'read-small-again', 'unpack', 'write-big', 'read-lower-cold'),
    limits: [{ kind: 'ratio', against: 'plyfs', atMost: 1 / 0.95 }],
  },
].map((target) => ({ ...target, subject: SERVICE }));

/** @type {Target[]} */
export const targets = [
  { title: 'cold walk', of: works('walk-cold'), limits: atMost(0.5, 4) },
  { title: 'warm walk, warm small-file read', of: works('walk-warm', 'read-small-warm'), limits: atMost(0.6, 1.3) },
  { title: 'cold small-file read', of: works('read-small-cold'), limits: atMost(0.5, 3) },
  { title: 'failing lookups, repeated', of: works('missing'), limits: atMost(1.0, 1.2) },
  { title: '`ls -l` of 100,000', of: works('list-huge-cold', 'list-huge-warm'), limits: atMost(0.5, 4) },
  {
    title: 'sequential read: upper, or read-only mount',
    of: works('read-upper-cold', 'read-upper-warm', 'read-readonly-cold', 'read-readonly-warm'),
    limits: atMost(undefined, 1.1),
  },
  {
    title: 'sequential read through the server (lower on a writable mount, rootless)',
    of: works('read-lower-cold', 'read-lower-cached', 'read-rootless-cached'),
    limits: atMost(0.8, undefined),
  },
  {
    title: 'sequential write, random I/O on the upper',
    of: works(
      'write-big',
      'write-big-fsync',
      ...['read', 'write'].flatMap((way) => ['', '-mmap', '-direct'].map((how) => `random-${way}${how}`)),
    ),
    limits: atMost(0.5, 1.1),
  },
  { title: 'unpack', of: works('unpack'), limits: atMost(0.7, 2) },
  { title: '`rm -rf`, `chmod -R`', of: works('remove', 'chmod'), limits: atMost(0.5, 4) },
  {
    title: 'git, C build',
    of: works('git-status-cold', 'git-status-warm', 'git-checkout', 'build'),
    limits: atMost(0.7, 2),
  },
  { title: 'copy-up of 1 GiB', of: works('copy-up'), limits: atMost(1.0, 1.1) },
  {
    title: 'unlink, O_TRUNC of 1 GiB; chmod with metacopy',
    of: works('unlink-big', 'truncate-big', 'chmod-big'),
    limits: atMost(0.05, 3),
  },
  {
    title: '128 layers against 1, cold walk of the same names',
    of: works('layers-128'),
    limits: [{ kind: 'growth', from: 'layers-1', against: PEER }, ...atMost(undefined, 4)],
  },
  { title: 'mount until first answer', of: works('mount'), limits: [{ kind: 'amount', atMost: 0.2, unit: 's' }] },
  {
    title: 'memory of the server alone',
    of: [{ work: 'memory', metric: 'base' }],
    limits: [{ kind: 'amount', atMost: 80, unit: 'MiB' }],
  },
  {
    title: 'memory per cached node',
    of: [{ work: 'memory', metric: 'perNode' }],
    limits: [{ kind: 'amount', atMost: 500, unit: 'bytes' }],
  },
  {
    title: 'memory falls back after the kernel forgets',
    of: [{ work: 'memory', metric: 'forgotten' }],
    limits: [{ kind: 'given back', base: 'base', peak: 'walked', atLeast: 0.75 }],
  },
  { title: 'two clients at once', of: works('two-walks', 'walk-and-read'), limits: atMost(0.5, 4) },
  {
    title: 'an idle mount uses no CPU',
    of: works('idle'),
    // A thousandth of one processor, for the kernel's own accounting.
    limits: [{ kind: 'amount', atMost: 1, unit: 'ms/s' }],
  },
  {
    title: 'latency of one uncached request',
    of: ['latency', 'latency-idle'].flatMap((work) => ['p50', 'p99'].map((metric) => ({ work, metric }))),
    limits: [],
  },
  ...ofService,
];
