/**
 * A git repository of 8,000 files with two branches, main (checked out) and other, a quarter of whose files
 * differ.
 */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { randomFrom } from '../random.mjs';

const FILES = 8000;
const FILES_IN_DIRECTORY = 20;
/**
 * Of 100 files of main, how many are changed in other, and how many are missing there. There are as many new
 * ones.
 */
const OTHER = { changed: 25, removed: 5 };

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'repository', version: 1, lowers: ['bottom'], plain: 'bottom', build };

function build({ directory, scale }) {
  const repository = join(directory, 'bottom', 'repository');
  const git = (args, input) =>
    execFileSync('git', ['-C', repository, ...args], {
      input,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'ignore', 'pipe'],
      env: { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' },
    });
  execFileSync('git', ['init', '-q', '-b', 'main', repository]);
  git(['fast-import', '--quiet'], history(FILES * scale));
  // A copy of the repository, and a mount, has other inode numbers and change times. git must not read every
  // file for that reason.
  for (const setting of ['core.checkStat=minimal', 'core.trustctime=false', 'gc.auto=0', 'core.preloadIndex=false'])
    git(['config', ...setting.split('=')]);
  git(['checkout', '-q', 'main']);
  // git would read files that are as old as the index each time ("racy git").
  execFileSync('find', [
    repository,
    '-type',
    'f',
    '-not',
    '-path',
    '*/.git/*',
    '-exec',
    'touch',
    '-d',
    '2024-01-01',
    '{}',
    '+',
  ]);
  git(['update-index', '-q', '--refresh']);
}

/** The input of git fast-import. */
function history(files) {
  const random = randomFrom(2);
  const lines = [];
  const commit = (branch, from, when) =>
    lines.push(
      `commit refs/heads/${branch}`,
      `committer bench <bench@example.org> ${when} +0000`,
      'data 1',
      'x',
      ...(from ? [`from refs/heads/${from}`] : []),
    );
  const put = (path, text) => lines.push(`M 100644 inline ${path}`, `data ${text.length}`, text);

  commit('main', undefined, 1_700_000_000);
  for (let number = 0; number < files; number++) put(pathOf(number), contentOf(number, random));
  commit('other', 'main', 1_700_000_100);
  for (let number = 0; number < files; number++) {
    const percent = random() * 100;
    if (percent < OTHER.changed) put(pathOf(number), contentOf(number, random));
    else if (percent < OTHER.changed + OTHER.removed) lines.push(`D ${pathOf(number)}`);
    else if (percent < OTHER.changed + 2 * OTHER.removed) put(`${pathOf(number)}.new`, contentOf(number, random));
  }
  return `${lines.join('\n')}\n`;
}

function pathOf(number) {
  const directory = Math.floor(number / FILES_IN_DIRECTORY);
  return `part-${directory % 20}/directory-${directory}/file-${number}.txt`;
}

function contentOf(number, random) {
  const lines = 10 + Math.floor(random() * 100);
  return Array.from({ length: lines }, (_, line) => `${number} ${line} ${Math.floor(random() * 2 ** 32)}\n`).join('');
}
