import { Option } from 'commander';
import { describe, expect, it } from 'vitest';
import { completionWords } from '../../../../src/cli/manual/completion-words.js';
import { buildProgram, type Commands } from '../../../../src/cli/syntax/program.js';
import { OPTION_ENTRIES, wordsOf } from '../../../../src/server/options/option-words.js';

const build = (): ReturnType<typeof buildProgram> => buildProgram({} as Commands, () => {});

describe('the words that shells complete', () => {
  it('have each command of the program, with its options and arguments', () => {
    const program = build();
    program
      .command('attend')
      .description('keep a server ready')
      .addOption(new Option('--service <when>').choices(['auto', 'off']))
      .option('--socket <dir>');
    const added = completionWords(program).commands.find(({ name }) => name === 'attend');
    expect(added?.arguments).toBe('none');
    expect(added?.options.map(({ words, completes }) => [words, completes])).toEqual([
      [['--service'], ['auto', 'off']],
      [['--socket'], 'directory'],
      [['-h', '--help'], 'nothing'],
    ]);
  });

  it('have the options of the program and those of mount without a command', () => {
    const words = completionWords(build()).plain.options.flatMap((option) => option.words);
    expect(words).toEqual(expect.arrayContaining(['-V', '--version', '-h', '--help', '-o', '--transport']));
    expect(new Set(words).size).toBe(words.length);
  });

  it('have each mount option that has a help, with its separator', () => {
    const offered = completionWords(build()).mountOptions.map(({ spellings: [word] }) => word);
    for (const entry of OPTION_ENTRIES) {
      if (!('help' in entry) || entry.help === undefined) continue;
      const [word = ''] = wordsOf(entry);
      const takesValue = entry.kind === 'value' || (entry.kind === 'accepted' && typeof entry.takes === 'object');
      const separator = entry.kind === 'value' ? (entry.separator ?? '=') : '=';
      expect(offered).toContain(takesValue ? `${word}${separator}` : word);
    }
  });

  it('have all forms of br', () => {
    const br = completionWords(build()).mountOptions.find(({ spellings: [word] }) => word === 'br:');
    expect(br?.spellings).toEqual(['br:', 'br=', 'dirs=']);
  });
});
