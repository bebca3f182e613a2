import { parseArgs } from 'node:util';
import { contenders } from './contenders.mjs';
import { works } from './works.mjs';

const RUNS = 3;

export const HELP = `npm run bench -- [OPTION]…

Each contender does the same work on the same layers, in turn and in reversed order, each time on a fresh mount with
caches dropped. Prints the medians with their ranges, and the ratio of the medians with the range of the ratios of the
runs; at the end, which targets are met.

  --only NAME             this work, or this group of works; can be repeated
  --runs N                how often each contender does each work (${RUNS}; with --quick 1); contenders without a target
                          do a third of that
  --quick                 small layers and one run: shows whether it works, not how fast it is
  --contenders A,B        only these, and always ${contenders[0].name}
  --program NAME=PATH     one more contender, with the command line of fuse-overlayfs; can be repeated
  --json FILE             write the results, after each work, so that an interrupted run has some
  --from FILE             measure nothing: read the results from a file of --json
  --update-docs           write tables and charts into README.md and docs
  --help

Needs root (mounts, /proc/sys/vm/drop_caches), some 12 GiB in the temporary directory (TMPDIR), and a machine that does
nothing else. scripts/setup bench installs the other contenders and the tools. PLYFS_PROGRAM names another program to
measure in place of bin/plyfs.

Contenders: ${contenders.map(({ name }) => name).join(', ')}

Work, by group:
${helpOfWorks()}
`;

function helpOfWorks() {
  const groups = [...new Set(works.map(({ group }) => group))];
  const lines = (group) =>
    works.filter((work) => work.group === group).map(({ name, title }) => `    ${name.padEnd(22)}  ${title}`);
  return groups.flatMap((group) => [`  ${group}`, ...lines(group)]).join('\n');
}

/**
 * @typedef {object} Settings
 * @property {boolean} wantsHelp
 * @property {string[] | undefined} only
 * @property {number} runs
 * @property {boolean} isQuick
 * @property {string[] | undefined} contenders
 * @property {{name: string, path: string}[]} programs
 * @property {string | undefined} json
 * @property {string | undefined} from
 * @property {boolean} updatesDocuments
 */

/** @param {string[]} args @returns {Settings} */
export function readCommandLine(args) {
  const { values } = parseArgs({
    args,
    options: {
      only: { type: 'string', multiple: true },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      contenders: { type: 'string' },
      program: { type: 'string', multiple: true, default: [] },
      json: { type: 'string' },
      from: { type: 'string' },
      'update-docs': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.quick && values['update-docs'])
    throw new Error('--quick and --update-docs exclude each other: the documents have no figures of small layers');
  return {
    wantsHelp: values.help,
    only: values.only,
    runs: readRuns(values.runs ?? String(values.quick ? 1 : RUNS)),
    isQuick: values.quick,
    contenders: values.contenders && [...new Set([contenders[0].name, ...values.contenders.split(',')])],
    programs: values.program.map(readProgram),
    json: values.json,
    from: values.from,
    updatesDocuments: values['update-docs'],
  };
}

function readRuns(text) {
  const runs = Number(text);
  if (!(Number.isInteger(runs) && runs > 0)) throw new Error(`--runs ${text}: not a positive number`);
  return runs;
}

function readProgram(text) {
  const [, name, path] = /^([^=]+)=(.+)$/.exec(text) ?? [];
  if (name === undefined || path === undefined) throw new Error(`--program ${text}: not NAME=PATH`);
  return { name, path };
}
