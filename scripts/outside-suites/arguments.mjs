/** The command line of scripts/suites. */
import { parseArgs } from 'node:util';
import { Refusal } from './shell.mjs';
import { suites } from './suites.mjs';
import { targets } from './targets.mjs';

/** The command line is wrong: status 2. */
export class WrongArguments extends Refusal {}

const places = Object.entries(suites).map(
  ([word, { about, url }]) => `  --${word.padEnd(11)}DIR  ${about}\n${' '.repeat(20)}git clone ${url}`,
);
const setupLines = Object.entries(suites).flatMap(([word, { setups }]) =>
  Object.entries(setups).map(
    ([name, { about, onRequest }]) => `  ${word}: ${name}${onRequest ? ' (only with --setup)' : ''}\n      ${about}`,
  ),
);

export const HELP = `usage: scripts/suites [--build] --SUITE DIR... [options] [TEST...]

Runs test suites of other projects on plyfs and shows which of their failures are faults of plyfs. It needs root and
packages of Debian; if one is missing, it prints its name. It mounts and creates users in a mount namespace of its own,
which ends with it.

Suites, and where they are published:
${places.join('\n')}

Options:
  --build            build the suite in DIR if it is not built yet
  --setup NAME       only this set-up of the suites; may be repeated (below)
  --on TARGET        run the suites on plyfs (default), or on kernel, fuse-overlayfs or plain (a plain directory)
  --service          serve the mounts of plyfs by one service, which runs in the sandbox (plyfs serve)
  --beside TARGET    run tests that fail unexpectedly on this target too; may be repeated
  --scratch DIR      directory for images and layers (default $TMPDIR); up to 10 GiB
  --json FILE        write all results, of passed tests too
  --from FILE        judge the results that an earlier run has written with --json, and run nothing
  --again FILE       run only tests that failed in an earlier run with --json, and replace their results
  --write            write the outcome to docs/suites.md and docs/suites.json; needs all tests of the set-ups that run
  --list             only print the names of the tests
  --help
  TEST               only these tests, by their names: chmod/00, rename-file, overlay/0*, utimensat01

Set-ups:
${setupLines.join('\n')}

scripts/outside-suites/known has the expected failures with their reasons. PLYFS_PROGRAM is another plyfs to test.
Status: 0 if every failure is expected, 1 otherwise; 2 for a wrong command line.
`;

/** @throws {WrongArguments} for arguments that contradict each other */
export function readArguments(words) {
  const { values, positionals } = parse(words);
  const chosen = Object.keys(suites).filter((word) => values[word] !== undefined);
  if (values.help) return { help: true };
  if (chosen.length === 0 && values.from === undefined)
    throw new WrongArguments(`which suite? one of --${Object.keys(suites).join(', --')}`);
  for (const target of [values.on, ...values.beside])
    if (!Object.hasOwn(targets, target))
      throw new WrongArguments(`${target}: no such target (${Object.keys(targets).join(', ')})`);
  const setups = chosen.flatMap((word) => Object.keys(suites[word].setups));
  for (const name of values.setup)
    if (!setups.includes(name)) throw new WrongArguments(`${name}: no such set-up (${setups.join(', ')})`);
  if (values.service && values.on !== 'plyfs') throw new WrongArguments('--service: only plyfs has a service');
  if (values.write && (positionals.length > 0 || values.on !== 'plyfs' || values.service))
    throw new WrongArguments('--write: the document shows all tests on plyfs, without a service');
  return { ...values, chosen: chosen.map((word) => ({ word, checkout: values[word] })), patterns: positionals };
}

function parse(words) {
  const place = { type: 'string' };
  const several = { type: 'string', multiple: true, default: [] };
  const flag = { type: 'boolean', default: false };
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        ...Object.fromEntries(Object.keys(suites).map((word) => [word, place])),
        build: flag,
        setup: several,
        on: { type: 'string', default: 'plyfs' },
        beside: several,
        service: flag,
        scratch: place,
        json: place,
        from: place,
        again: place,
        write: flag,
        list: flag,
        help: flag,
      },
    });
  } catch (error) {
    throw new WrongArguments(error.message);
  }
}

/** Whether a test was chosen: by its name, or by a pattern in which * matches any text. */
export function isChosen(test, patterns) {
  if (patterns.length === 0) return true;
  return patterns.some((pattern) => {
    const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
    return new RegExp(`^${parts.join('.*')}$`).test(test);
  });
}
