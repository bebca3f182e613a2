/** The check of prose: which text of a file it reads, and which phrases it refuses. */
import { describe, expect, it } from 'vitest';
import {
  messagesOfCode,
  passagesOfCode,
  passagesOfMarkdown,
  passagesOfShell,
  withoutCodeBlocks,
} from '../../../scripts/prose/passages.mjs';
import { PATTERNS } from '../../../scripts/prose/patterns.mjs';

interface Passage {
  readonly line: number;
  readonly text: string;
}

const refused = (text: string): string[] =>
  PATTERNS.flatMap(({ pattern }: { pattern: RegExp }) => pattern.exec(text)?.[0].trim() ?? []);
const texts = (passages: readonly Passage[]): string[] => passages.map(({ text }) => text);

describe('a sentence is refused if', () => {
  it.each([
    ['its subject is a clause', 'Who opens the file reads it.'],
    ['its subject is a clause, after a full stop', 'It is open. What is left is closed.'],
    ['a doc comment begins with a clause', 'What tells a file from another.'],
    ['a doc comment begins with a clause about a place', 'Where LSEEK has found data.'],
    ['a doc comment begins with a clause about an owner', 'Whose rights count on the layers.'],
    ['a doc comment begins with a clause with that', 'That it fails means nothing.'],
    ['it begins in the middle of a thought', 'So many directories are listed first.'],
    ['it is no sentence', 'Once.'],
    ['it does not name the actor', 'The answer is sent to whoever waits.'],
    ['it leaves the actor out after a preposition', 'EIO to who waits for the copy'],
    ['a person is he', 'The reader pauses, and he continues later.'],
    ['may not means cannot', 'A user may not chown.'],
    ['an object stands', 'A whiteout stands beside the name.'],
    ['an object lies', 'The file lies in a lower layer.'],
    ['an object tells', 'The mark tells where the data is.'],
    ['options are settled', 'Options are settled before the start.'],
    ['an object says', 'The copy says what it is a copy of.'],
    ['an object goes', 'The whiteout goes last.'],
    ['a thing can be had', 'No thread can be had.'],
    ['something becomes of it', 'It stays open, and nobody knows what has become of it.'],
    ['two words are one', 'It waits for ever.'],
  ])('%s', (_, sentence) => {
    expect(refused(sentence)).not.toEqual([]);
  });

  it.each([
    'Returns the fd of the copy, or -1.',
    'What frees a node?',
    'Which files bypass the server?',
    'That is one request instead of two.',
    'The kernel sends FORGET when it has dropped the name.',
    'This file is for tests only.',
    'The same holds for groups.',
    'Both dialects do that.',
  ])('but not: %s', (sentence) => {
    expect(refused(sentence)).toEqual([]);
  });
});

describe('prose of a file', () => {
  it('comments of code, with their lines, and no strings', () => {
    const code = ["const a = 'no // comment';", '/**', ' * A first', ' * line, `code here`.', ' */', 'b(); // last'];
    expect(passagesOfCode(code.join('\n'), false)).toEqual([
      { line: 2, text: 'A first line, CODE.' },
      { line: 6, text: 'last' },
    ]);
  });

  it('lines of one comment are one passage', () => {
    expect(texts(passagesOfCode('  // one\n  // two\n  x();\n  // three', false))).toEqual(['one two', 'three']);
  });

  it('titles of tests, also of tables of tests', () => {
    const code = "describe('a', () => {\n  it('b \\'c\\'', f);\n  it.each([1, f(2)])('d %s', f);\n});";
    expect(texts(passagesOfCode(code, true))).toEqual(['a', "b \\'c\\'", 'd %s']);
    expect(passagesOfCode(code, false)).toEqual([]);
  });

  it('messages of at least four words, without what is computed', () => {
    const code = ["log('short one');", `log(\`\${f({ a })}: a file is missing\`);`, "// 'a comment is no message'"];
    expect(messagesOfCode(code.join('\n'))).toEqual([{ line: 2, text: 'CODE: a file is missing' }]);
  });

  it('comments of a shell script, but not its first line', () => {
    expect(texts(passagesOfShell('#!/bin/sh\n# one\n# two\n\nx # y\n  # three'))).toEqual(['one two', 'three']);
  });

  it('paragraphs, items and cells of Markdown', () => {
    const text = '# Head\n\nOne\ntwo.\n\n- item\n  more\n- `code` next\n\n| a | b |\n|---|---|';
    expect(texts(passagesOfMarkdown(text)).slice(0, 6)).toEqual([
      'Head',
      'One two.',
      'item more',
      'CODE next',
      'a',
      'b |',
    ]);
  });

  it('no code of Markdown, and no quoted titles of tests', () => {
    const text =
      'Text\n\n    indented code goes\n\n    and goes on\n\n```\nfenced goes\n```\n[it goes][test]\n\n1. item\n   goes';
    expect(texts(passagesOfMarkdown(text))).toEqual(['Text', 'CODE', 'item goes']);
    expect(withoutCodeBlocks(text).split('\n')).toHaveLength(text.split('\n').length);
  });
});
