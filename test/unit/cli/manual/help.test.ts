import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { helpOf } from '../../../../src/cli/manual/help.js';
import { buildProgram, type Commands } from '../../../../src/cli/syntax/program.js';
import { OPTION_ENTRIES, wordsOf } from '../../../../src/server/options/option-words.js';
import { ACCEPTED_OPTIONS } from '../../../../src/server/options/table/mount-options.js';

const program = buildProgram({} as Commands, () => {});
const help = (name: string): string =>
  helpOf(program.commands.find((command) => command.name() === name) ?? program, 80);

describe('the help', () => {
  it('explains every option that has a help', () => {
    const text = help('mount');
    for (const entry of OPTION_ENTRIES) {
      if (!('help' in entry) || entry.help === undefined) continue;
      for (const word of wordsOf(entry).slice(0, 1))
        expect(text).toMatch(new RegExp(`^  ${word.replace('+', '\\+')}\\b|^  ${word.replace('+', '\\+')}[=:]`, 'm'));
    }
  });

  it('names the options that are accepted without effect', () => {
    const text = help('mount').replace(/\s+/g, ' ');
    for (const { words } of ACCEPTED_OPTIONS) expect(text).toContain(words.join(', '));
    expect(text).toContain('Accepted, without effect: xino, noxino, trunc_xino');
  });

  it.each(['plyfs', ...program.commands.map((command: Command) => command.name())])(
    'of %s has at most 80 columns, except in examples and in the usage',
    (name) => {
      const long = help(name)
        .split('\n')
        .filter((line) => line.length > 80 && !/^ {4}|^Usage:|^ {7}plyfs/.test(line));
      expect(long).toEqual([]);
    },
  );
});
