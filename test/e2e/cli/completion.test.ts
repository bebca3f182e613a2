/** The scripts of `plyfs completion`, in the shells that are installed. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PLYFS } from '../../harness/mounts.js';
import { makeScratch, removeScratch } from '../../harness/scratch.js';

let dir: string;

beforeAll(() => {
  dir = makeScratch('completion');
  for (const name of ['base', 'bottom']) mkdirSync(join(dir, 'layers', name), { recursive: true });
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

function output(shell: string, args: readonly string[]): string {
  const { stdout, stderr } = spawnSync(shell, args, { encoding: 'utf8', cwd: dir });
  expect(stderr).toBe('');
  return stdout;
}

/** The words that bash offers behind the last `=` or `:` of the line. */
function inBash(line: string): string[] {
  const script = `. ./bash; COMP_LINE=$1 COMP_POINT=\${#1}; _plyfs; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return lines(output('bash', ['-c', script, 'bash', line]));
}

/** The words that fish offers for the end of the line. */
function inFish(line: string): string[] {
  const text = output('fish', ['--no-config', '-c', 'source ./fish; complete -C $argv[1]', line]);
  return lines(text.replace(/\t.*/g, ''));
}

/** The line of an interactive zsh after a tab. */
function inZsh(line: string): string {
  const script = `
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell 'PROMPT=; autoload -U compinit; compinit -u -D; source ./zsh; bindkey "^I" complete-word; bindkey "^X" dump'
    zpty -w shell 'dump() { print -r -- "line<$BUFFER>" > ./buffer; zle .accept-line }; zle -N dump; print -r ready > ./ready'
    for i in {1..300}; do [[ -e ready ]] && break; zpty -r -t shell text 2>/dev/null; sleep 0.1; done
    zpty -w -n shell $1$'\\t'$'\\x18'
    for i in {1..300}; do [[ -s buffer ]] && break; zpty -r -t shell text 2>/dev/null; sleep 0.1; done
    zpty -d shell
    print -r -- "$(<buffer)"
    rm -f ready buffer`;
  return /line<(.*)>/.exec(output('zsh', ['-f', '-c', script, 'zsh', line]))?.[1] ?? '';
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '');
}

describe.skipIf(noBash !== null)(`in bash ${noBash ?? ''}`, () => {
  it.each([
    ['plyfs ', ['mount', 'umount', 'convert', 'run', 'completion', 'help']],
    ['plyfs mo', ['mount']],
    ['plyfs mount --tr', ['--transport']],
    ['plyfs mount --transport ', ['direct', 'fuse-native']],
    ['plyfs mount -o metac', ['metacopy=']],
    ['plyfs mount -o ro,nod', ['ro,nodev', 'ro,nodiratime']],
    ['plyfs mount -o ro,metacopy=', ['on', 'off']],
    ['plyfs -o index=on,redirect_dir=no', ['nofollow']],
    ['plyfs mount -o lowerdir=layers/ba', ['layers/base/']],
    ['plyfs mount -o ro,lowerdir=/a:layers/b', ['layers/base/', 'layers/bottom/']],
    ['plyfs mount -o fsname=', []],
    ['plyfs run --rootfs la', ['layers/']],
    ['plyfs convert --to a', ['aufs']],
    ['plyfs umount la', ['layers/']],
    ['plyfs completion ', ['bash', 'zsh', 'fish']],
    ['plyfs help co', ['convert', 'completion']],
  ])('%s', (line, words) => expect(inBash(line)).toEqual(words));
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
  ])('%s', (line, words) => expect(inFish(line)).toEqual(words));
});

describe.skipIf(noZsh !== null)(`in zsh ${noZsh ?? ''}`, () => {
  it.each([
    ['plyfs mou', 'plyfs mount '],
    ['plyfs mount --tran', 'plyfs mount --transport '],
    ['plyfs mount -o metac', 'plyfs mount -o metacopy='],
    ['plyfs mount -o ro,metacopy=of', 'plyfs mount -o ro,metacopy=off'],
    ['plyfs mount -o lowerdir=/a:layers/ba', 'plyfs mount -o lowerdir=/a:layers/base/'],
    ['plyfs convert --to a', 'plyfs convert --to aufs '],
    ['plyfs umount la', 'plyfs umount layers/'],
  ])('%s', (line, completed) => expect(inZsh(line)).toBe(completed));
});
