/** The scripts of `plyfs completion`, in the shells that are installed. */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { splitLayers, splitOptions } from '../../../src/server/options/kinds/option-list.js';
import { PLYFS } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

let dir: string;

beforeAll(() => {
  dir = makeScratch('completion');
  for (const name of [
    'layers/base',
    'layers/bottom',
    'odd/two words',
    'odd/a,b:c\\d',
    "odd/it's",
    'files',
    'home/own',
  ]) {
    mkdirSync(join(dir, name), { recursive: true });
  }
  writeFileSync(join(dir, 'files/plain'), '');
  mkdirSync(join(dir, 'bin'));
  for (const name of ['layer-tool', 'layer-trick']) {
    writeFileSync(join(dir, 'bin', name), '#!/bin/sh\n');
    chmodSync(join(dir, 'bin', name), 0o755);
  }
  writeFileSync(join(dir, 'bin/layer-text'), 'not a program');
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout, stderr, status } = spawnSync(PLYFS, ['completion', shell], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    writeFileSync(join(dir, shell), stdout);
  }
});
afterAll(() => removeScratch(dir));

/** Why a shell cannot be tested, or null. */
function unavailable(shell: string): string | null {
  return spawnSync(shell, ['-c', ':']).error === undefined ? null : `(${shell} is missing)`;
}

const [noBash, noZsh, noFish] = ['bash', 'zsh', 'fish'].map(unavailable);

/** Runs a shell in the directory of the test. Returns what it prints. */
function run(shell: string, args: readonly string[], input = ''): { stdout: string; stderr: string } {
  const env = { ...process.env, HOME: join(dir, 'home'), PATH: `${join(dir, 'bin')}:${process.env.PATH ?? ''}` };
  return spawnSync(shell, args, { encoding: 'utf8', cwd: dir, env, input });
}

/** The text that an interactive shell has written to the file `buffer`. */
function bufferText(): string {
  const path = join(dir, 'buffer');
  if (!existsSync(path)) return '';
  const text = readFileSync(path, 'utf8');
  rmSync(path);
  return lineIn(text);
}

function lineIn(text: string): string {
  return /^line<(.*)>$/s.exec(text)?.[1] ?? text;
}

/** The line of an interactive bash after `keys`. */
function lineInBash(line: string, keys: string, settings = ''): string {
  const dump = `printf "line<%s>" "$READLINE_LINE" > buffer; READLINE_LINE= READLINE_POINT=0`;
  const start = `. ./bash; bind 'set completion-query-items 0'; bind -x '"\\C-t": ${dump}'`;
  const { stderr } = run('bash', ['--norc', '--noprofile', '-i'], `${start}\n${settings}\n${line}${keys}\x14`);
  // bash reports that stdin is no terminal, and shows the line on stderr.
  expect(stderr).not.toMatch(/syntax error|unbound|bad |not found/);
  return bufferText();
}

const inBash = (line: string): string => lineInBash(line, '\t');

/** The line of an interactive bash with all completions in it (insert-completions). */
const allInBash = (line: string): string => lineInBash(line, '\x1b*');

/** The words that fish offers for the end of the line. */
function inFish(line: string): string[] {
  const { stdout, stderr } = run('fish', ['--no-config', '-c', 'source ./fish; complete -C $argv[1]', line]);
  expect(stderr).toBe('');
  const text = stdout.replace(/\t.*/g, '');
  return text.split('\n').filter((word) => word !== '');
}

/** The line of an interactive zsh after a tab, for each of `lines`. */
function inZsh(lines: readonly string[]): string[] {
  const script = `
    zmodload zsh/zpty
    # Reads what the shell prints until it has written the file $1.
    await() {
      for i in {1..3000}; do
        [[ -s $1 ]] && return
        zpty -r -t shell text 2>/dev/null || sleep 0.01
      done
      exit 1
    }
    zpty shell zsh -f -i
    zpty -w shell 'PROMPT=; autoload -U compinit; compinit -u -D; source ./zsh; bindkey "^I" complete-word; bindkey "^T" dump'
    zpty -w shell 'dump() { print -rn -- "line<$BUFFER>" > written; mv written buffer; BUFFER= }; zle -N dump; print ready > ready'
    await ready
    for line in "$@"; do
      zpty -w -n shell $line$'\\t'$'\\x14'
      await buffer
      print -rN -- "$(<buffer)"
      rm buffer
    done
    zpty -d shell
    rm ready`;
  const { stdout, stderr } = run('zsh', ['-f', '-c', script, 'zsh', ...lines]);
  expect(stderr).toBe('');
  return stdout.split('\0').slice(0, -1).map(lineIn);
}

/** Lines that bash and zsh complete in the same way. */
const IN_BASH_AND_ZSH: readonly (readonly [string, string])[] = [
  ['plyfs mount -o metac', 'plyfs mount -o metacopy='],
  ['plyfs convert --to a', 'plyfs convert --to aufs '],
  ['plyfs umount la', 'plyfs umount layers/'],
  ['plyfs umount odd/tw', 'plyfs umount odd/two\\ words/'],
  ['plyfs mount -o ro,upperdir=odd/two\\ w', 'plyfs mount -o ro,upperdir=odd/two\\ words/'],
  ['plyfs mount -t aufs -o b', 'plyfs mount -t aufs -o br:'],
  ['plyfs mount -t aufs -o br:/rw=rw:layers/ba', 'plyfs mount -t aufs -o br:/rw=rw:layers/base/'],
  ['plyfs mount -t aufs -o dirs=layers/ba', 'plyfs mount -t aufs -o dirs=layers/base/'],
  ['plyfs run --ephemeral -- layer-to', 'plyfs run --ephemeral -- layer-tool '],
  ['plyfs run --ephemeral layer-to', 'plyfs run --ephemeral layer-tool '],
  ['plyfs run --docker /d 5c1f layer-to', 'plyfs run --docker /d 5c1f layer-tool '],
  ['plyfs run -- --ro', 'plyfs run -- --ro'],
  ['plyfs run --eph', 'plyfs run --ephemeral '],
  ['plyfs mount -- la', 'plyfs mount -- layers/'],
  ['plyfs --vers', 'plyfs --version '],
  ['plyfs mount --transport=fu', 'plyfs mount --transport=fuse-native '],
  ['plyfs run --rootfs=layers/base:layers/bo', 'plyfs run --rootfs=layers/base:layers/bottom/'],
  ['plyfs mount -ovola', 'plyfs mount -ovolatile'],
  ['plyfs mount -fo vola', 'plyfs mount -fo volatile'],
];

describe.skipIf(noBash !== null)(`in bash ${noBash ?? ''}`, () => {
  it.each([
    ['plyfs ', 'plyfs completion convert help mount run serve umount '],
    ['plyfs mount --transport ', 'plyfs mount --transport direct fuse-native '],
    ['plyfs mount -o ro,nod', 'plyfs mount -o ro,nodev ro,nodiratime '],
    ['plyfs mount -o ro,metacopy=', 'plyfs mount -o ro,metacopy=off on '],
    ['plyfs mount -o ro,lowerdir=/a:layers/b', 'plyfs mount -o ro,lowerdir=/a:layers/base/ layers/bottom/ '],
    ['plyfs completion ', 'plyfs completion bash fish zsh '],
    ['plyfs help co', 'plyfs help completion convert '],
    ['plyfs --', 'plyfs --docker --help --transport --upper --version --work '],
    ['plyfs run --ephemeral -- layer-t', 'plyfs run --ephemeral -- layer-tool layer-trick '],
    ['plyfs run -- cat files/', 'plyfs run -- cat files/plain '],
    ['plyfs umount odd/', "plyfs umount odd/a\\,b:c\\\\d/ odd/it\\'s/ odd/two\\ words/ "],
  ])('%s is continued by all words', (line, all) => expect(allInBash(line)).toBe(all));

  it.each<readonly [string, string]>([
    ...IN_BASH_AND_ZSH,
    ['plyfs mo', 'plyfs mount '],
    ['plyfs la', 'plyfs layers/'],
    ['plyfs mount --tr', 'plyfs mount --transport '],
    ['plyfs -o index=on,redirect_dir=no', 'plyfs -o index=on,redirect_dir=nofollow'],
    ['plyfs mount -o lowerdir=layers/ba', 'plyfs mount -o lowerdir=layers/base/'],
    ['plyfs mount -o fsname=', 'plyfs mount -o fsname='],
    ['plyfs run --rootfs la', 'plyfs run --rootfs layers/'],
    // Blanks and quotes.
    ['plyfs umount odd/two\\ w', 'plyfs umount odd/two\\ words/'],
    ['plyfs umount "odd/tw', 'plyfs umount "odd/two words/"'],
    ["plyfs umount 'odd/it", "plyfs umount 'odd/it'\\''s/'"],
    ['plyfs mount -o ro,upperdir=odd/tw', 'plyfs mount -o ro,upperdir=odd/two\\ words/'],
    ['plyfs mount -o "lowerdir=layers/base:odd/tw', 'plyfs mount -o "lowerdir=layers/base:odd/two words/"'],
    ['plyfs umount ~/o', 'plyfs umount ~/own/'],
    ['plyfs umount $HOME/o', 'plyfs umount $HOME/own/'],
    // Characters that the options escape.
    ['plyfs mount -o lowerdir=odd/a', 'plyfs mount -o lowerdir=odd/a\\\\\\,b\\\\:c\\\\\\\\d/'],
    ["plyfs mount -o 'lowerdir=odd/a", "plyfs mount -o 'lowerdir=odd/a\\,b\\:c\\\\d/'"],
    ["plyfs mount -o 'lowerdir=odd/a\\,b\\:", "plyfs mount -o 'lowerdir=odd/a\\,b\\:c\\\\d/'"],
    ["plyfs mount -o 'lowerdir=/x\\,y:odd/tw", "plyfs mount -o 'lowerdir=/x\\,y:odd/two words/'"],
    ["plyfs mount -o 'lowerdir=/x\\,y,metac", "plyfs mount -o 'lowerdir=/x\\,y,metacopy='"],
    ["plyfs mount -o 'upperdir=odd/a", "plyfs mount -o 'upperdir=odd/a\\,b:c\\\\d/'"],
    ["plyfs mount -o 'lowerdir+=odd/", "plyfs mount -o 'lowerdir+=odd/"],
    ["plyfs run --rootfs 'odd/a", "plyfs run --rootfs 'odd/a,b\\:c\\\\d/'"],
    // Branches of aufs.
    // The command of plyfs run.
    ['plyfs run -- layer-te', 'plyfs run -- layer-te'],
    ['plyfs run -- cat --ro', 'plyfs run -- cat --ro'],
    ['plyfs run cat files/pl', 'plyfs run cat files/plain '],
    ['plyfs run -- bin/layer-to', 'plyfs run -- bin/layer-tool '],
    // Options of the program, and values within the word of an option.
    ['plyfs -fovola', 'plyfs -fovolatile'],
    ['plyfs mount -olowerdir=layers/ba', 'plyfs mount -olowerdir=layers/base/'],
  ])('%s becomes %s', (line, completed) => expect(inBash(line)).toBe(completed));

  it.each(['plyfs mount -o ro,lowerdir=odd/tw', 'plyfs umount odd/tw', 'plyfs run -- layer-to', 'plyfs mo'])(
    '%s is continued whatever the settings of the shell are',
    (line) => expect(lineInBash(line, '\t', 'IFS=:/o; set -fu; shopt -s failglob')).toBe(inBash(line)),
  );

  it.each(['lowerdir=odd/a', "'lowerdir=odd/a", '"lowerdir=odd/a', 'lowerdir=layers/base:odd/a'])(
    'plyfs mount -o %s becomes an option that plyfs reads as the path',
    (option) => {
      const completed = inBash(`plyfs mount -o ${option}`).replace('plyfs mount -o', 'printf %s');
      const [given, ...more] = splitOptions(run('bash', ['-c', completed]).stdout);
      expect(more).toEqual([]);
      expect(splitLayers(given?.value ?? '').at(-1)).toBe('odd/a,b:c\\d/');
    },
  );
});

describe.skipIf(noFish !== null)(`in fish ${noFish ?? ''}`, () => {
  it.each([
    ['plyfs mo', ['mount']],
    ['plyfs mount --transport f', ['fuse-native']],
    ['plyfs mount -o metac', ['metacopy=']],
    ['plyfs mount -o ro,nod', ['ro,nodev', 'ro,nodiratime']],
    ['plyfs -o ro,metacopy=', ['ro,metacopy=off', 'ro,metacopy=on']],
    ['plyfs mount -o lowerdir=/a:layers/ba', ['lowerdir=/a:layers/base/']],
    ['plyfs convert --to a', ['aufs']],
    ['plyfs umount la', ['layers/']],
    ['plyfs lay', ['layers/']],
    ['plyfs -o ro la', ['layers/']],
    ['plyfs --vers', ['--version']],
    ['plyfs umount odd/tw', ['odd/two words/']],
    ['plyfs mount -o ro,upperdir=odd/two\\ w', ['ro,upperdir=odd/two words/']],
    ['plyfs mount -o "lowerdir=layers/base:odd/tw', ['lowerdir=layers/base:odd/two words/']],
    ['plyfs mount -o lowerdir=odd/a', ['lowerdir=odd/a\\,b\\:c\\\\d/']],
    ["plyfs mount -o 'lowerdir=/x\\,y:odd/a\\,b\\:", ['lowerdir=/x\\,y:odd/a\\,b\\:c\\\\d/']],
    ["plyfs mount -o 'lowerdir=/x\\,y,metac", ['lowerdir=/x\\,y,metacopy=']],
    ["plyfs mount -o 'upperdir=odd/a", ['upperdir=odd/a\\,b:c\\\\d/']],
    ['plyfs mount -o lowerdir+=odd/', ["lowerdir+=odd/it's/", 'lowerdir+=odd/two words/']],
    ['plyfs run --rootfs odd/a', ['odd/a,b\\:c\\\\d/']],
    ['plyfs run --rootfs=layers/base:layers/bo', ['--rootfs=layers/base:layers/bottom/']],
    ['plyfs mount --docker=la', ['--docker=layers/']],
    ['plyfs mount -t aufs -o b', ['br:']],
    ['plyfs mount -t aufs -o br:/rw=rw:layers/ba', ['br:/rw=rw:layers/base/']],
    ['plyfs mount -t aufs -o dirs=layers/ba', ['dirs=layers/base/']],
    ['plyfs run --ephemeral -- layer-t', ['layer-tool', 'layer-trick']],
    ['plyfs run --ephemeral layer-t', ['layer-tool', 'layer-trick']],
    ['plyfs run --docker /d 5c1f layer-t', ['layer-tool', 'layer-trick']],
    ['plyfs run --docker=/d 5c1f layer-to', ['layer-tool']],
    ['plyfs run --docker /d layer-to', []],
    ['plyfs run -- --ro', []],
    ['plyfs run -- layer-tool --ro', []],
    ['plyfs run layer-tool --ro', []],
    ['plyfs run layer-tool files/pl', ['files/plain']],
    ['plyfs run -- layer-tool files/pl', ['files/plain']],
    ['plyfs run --eph', ['--ephemeral']],
    ['plyfs mount -- la', ['layers/']],
    ['plyfs mount --transport=fu', ['--transport=fuse-native']],
    ['plyfs mount -ovola', ['-ovolatile']],
    ['plyfs mount -fovola', ['-fovolatile']],
    ['plyfs mount -fo vola', ['volatile']],
    ['plyfs umount files/', []],
  ])('%s', (line, words) => expect(inFish(line)).toEqual(words));
});

describe.skipIf(noZsh !== null)(`in zsh ${noZsh ?? ''}`, () => {
  const cases = [
    ...IN_BASH_AND_ZSH,
    ['plyfs mou', 'plyfs mount '],
    ['plyfs mount --tran', 'plyfs mount --transport='],
    ['plyfs mount -o ro,metacopy=of', 'plyfs mount -o ro,metacopy=off'],
    ['plyfs mount -o lowerdir=/a:layers/ba', 'plyfs mount -o lowerdir=/a:layers/base/'],
    ['plyfs lay', 'plyfs layers/'],
    ['plyfs umount files/', 'plyfs umount files/'],
    ['plyfs mount --upper files/', 'plyfs mount --upper files/'],
    ['plyfs mount -o upperdir=files/', 'plyfs mount -o upperdir=files/'],
    ['plyfs mount -o log=files/', 'plyfs mount -o log=files/plain'],
    ['plyfs mount -o "lowerdir=layers/base:odd/tw', 'plyfs mount -o "lowerdir=layers/base:odd/two words/'],
    ['plyfs mount -o lowerdir=odd/a', 'plyfs mount -o lowerdir=odd/a\\\\,b\\\\:c\\\\\\\\d/'],
    ["plyfs mount -o 'lowerdir=odd/a", "plyfs mount -o 'lowerdir=odd/a\\,b\\:c\\\\d/"],
    ["plyfs mount -o 'lowerdir=/x\\,y:odd/a\\,b\\:", "plyfs mount -o 'lowerdir=/x\\,y:odd/a\\,b\\:c\\\\d/"],
    ["plyfs mount -o 'lowerdir=/x\\,y,metac", "plyfs mount -o 'lowerdir=/x\\,y,metacopy="],
    ["plyfs mount -o 'upperdir=odd/a", "plyfs mount -o 'upperdir=odd/a\\,b:c\\\\d/"],
    ['plyfs mount -o lowerdir+=odd/a', 'plyfs mount -o lowerdir+=odd/a'],
    ['plyfs mount -o lowerdir+=odd/tw', 'plyfs mount -o lowerdir+=odd/two\\ words/'],
    ['plyfs mount -o lowerdir=layers/b', 'plyfs mount -o lowerdir=layers/b'],
    ['plyfs mount -o upperdir=$HOME/o', 'plyfs mount -o upperdir=$HOME/own/'],
    ['plyfs run --rootfs ~/o', 'plyfs run --rootfs ~/own/'],
    ['plyfs run --rootfs odd/a', 'plyfs run --rootfs odd/a,b\\\\:c\\\\\\\\d/'],
    ['plyfs run layer-tool --ro', 'plyfs run layer-tool --ro'],
    ['plyfs run layer-tool files/pl', 'plyfs run layer-tool files/plain '],
    ['plyfs run -- layer-tool files/pl', 'plyfs run -- layer-tool files/plain '],
    ['plyfs mount --transport fu', 'plyfs mount --transport fuse-native '],
    ['plyfs mount -fovola', 'plyfs mount -fovolatile'],
  ] as const;
  let completed: string[] = [];
  beforeAll(() => {
    completed = inZsh(cases.map(([line]) => line));
  });

  it.each(cases.map(([line, after], i) => [line, after, i] as const))('%s becomes %s', (_, after, i) => {
    expect(completed[i]).toBe(after);
  });
});
