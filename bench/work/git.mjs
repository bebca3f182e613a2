const repository = { group: 'git', recipe: 'repository', access: 'writable', tools: ['git'] };

/** git does not write the index, so that each status does the same work. */
const statusCold = {
  ...repository,
  name: 'git-status-cold',
  title: '`git status` of 8,000 files, cold',
  start: 'cold',
  command: ({ root }) => `git --no-optional-locks -C ${root}/repository status --short`,
};

/** The code of the server is warm. */
const statusAgain = {
  ...statusCold,
  name: 'git-status-again',
  title: '`git status` of 8,000 files, cold, on a mount where it was run before',
  fill: statusCold.command,
};

const statusWarm = {
  ...statusCold,
  name: 'git-status-warm',
  title: '`git status` of 8,000 files, warm',
  start: 'warm',
};

/** Checks out the other branch and main again: a third of the files is written twice. */
const checkout = {
  ...repository,
  name: 'git-checkout',
  title: '`git checkout` of another branch and back',
  changes: ['repository'],
  start: 'cold',
  command: ({ root }) => `cd ${root}/repository && git checkout -q other && git checkout -q main`,
};

export const works = [statusCold, statusAgain, statusWarm, checkout];
