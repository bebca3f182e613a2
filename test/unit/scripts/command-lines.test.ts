/** A wrong command line of a script gets one line and status 2, before anything runs. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const checkout = fileURLToPath(new URL('../../..', import.meta.url));

function run(words: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const [program = '', ...args] = words;
  const [command, rest] = program.endsWith('.mjs') ? [process.execPath, [program, ...args]] : [program, args];
  return spawnSync(command, rest, { cwd: checkout, encoding: 'utf8', timeout: 30_000 });
}

describe('command lines of scripts', () => {
  it.each([
    ['scripts/test --nonsense', "test: unknown option '--nonsense'; see scripts/test --help"],
    ['scripts/test --all --nonsense', "test: unknown option '--nonsense'; see scripts/test --help"],
    ['scripts/quickstart --nonsense', "quickstart: unexpected argument '--nonsense'; see scripts/quick"],
    ['scripts/setup nonsense', "setup: unknown argument 'nonsense'; see scripts/setup --help"],
    ['scripts/conformance.mjs --nonsense', "conformance: Unknown option '--nonsense'; see npm run conformance"],
    ['scripts/conformance.mjs --targets nope', "conformance: --targets: no such name: 'nope'; there are all, plain,"],
    ['scripts/conformance.mjs --filesystems=nope', "conformance: --filesystems: no such name: 'nope'; there are all,"],
    ['scripts/suites --nonsense', "suites: Unknown option '--nonsense'; see scripts/suites --help"],
    ['scripts/suites --from /nonexistent', 'suites: ENOENT: no such file or directory'],
    ['scripts/suites --from package.json', 'suites: package.json: not a file of --json; see scripts/suites --help'],
    ['scripts/fuzz.mjs --minutes=-5', 'fuzz: --minutes -5: not a positive number; see npm run fuzz -- --help'],
    ['bench/run.mjs --nonsense', "bench: Unknown option '--nonsense'; see npm run bench -- --help"],
  ])('%s', (line, message) => {
    const { status, stdout, stderr } = run(line.split(' '));
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^[^\n]*\n$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it.each([
    ['scripts/test --help', 'scripts/test --all'],
    ['scripts/quickstart --help', 'usage: scripts/quickstart'],
    ['scripts/setup --help', 'scripts/setup bench'],
    ['scripts/conformance.mjs --help', '--filesystems[=LIST]'],
    ['scripts/fuzz.mjs --help', '--minutes N'],
  ])('%s', (line, text) => {
    const { status, stdout, stderr } = run(line.split(' '));
    expect(stdout).toContain(text);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});
