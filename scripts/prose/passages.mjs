/**
 * @typedef {object} Passage A piece of prose in a file.
 * @property {number} line Where it begins, from 1.
 * @property {string} text Its words, with line breaks as spaces and without comment signs.
 */

/** Strings are matched first, so that a comment sign inside one is left alone. */
const TOKEN =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|(?:(?<=^|\s)\/\/[^\n]*(?:\n\s*\/\/[^\n]*)*)/gm;
/** The title of a test or a group of tests. */
const TITLE =
  /\b(?:it|test|describe)(?:\.\w+(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?)*\(\s*(['"`])((?:\\.|(?!\1)[^\\])*)\1/g;

/** Comments and titles of tests of a TypeScript or JavaScript file. @returns {Passage[]} */
export function passagesOfCode(text, isTest) {
  const passages = [];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (!token.startsWith('/')) continue;
    const words = token
      .replace(/^\/\*+|\*\/$/g, '')
      .replace(/^\s*(?:\*|\/\/) ?/gm, '')
      .replace(/`[^`\n]*`/g, 'CODE');
    passages.push({ line: lineAt(text, index), text: joined(words) });
  }
  if (!isTest) return passages;
  for (const match of text.matchAll(TITLE)) {
    passages.push({ line: lineAt(text, match.index), text: joined(match[2]) });
  }
  return passages;
}

/**
 * Messages and help of a TypeScript or JavaScript file: strings of at least four words, the parts that are
 * computed left out. @returns {Passage[]}
 */
export function messagesOfCode(text) {
  const passages = [];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token.startsWith('/')) continue;
    const words = joined(
      token
        .slice(1, -1)
        .replace(/\$\{(?:[^{}]|\{[^{}]*\})*\}/g, 'CODE')
        .replace(/\\n/g, ' '),
    );
    if (words.split(' ').length >= 4) passages.push({ line: lineAt(text, index), text: words });
  }
  return passages;
}

/** Comments of a shell script. @returns {Passage[]} */
export function passagesOfShell(text) {
  const passages = [];
  for (const { 0: token, index } of text.matchAll(/^[ \t]*#[^!\n][^\n]*(?:\n[ \t]*#[^\n]*)*/gm)) {
    passages.push({ line: lineAt(text, index), text: joined(token.replace(/^\s*# ?/gm, '')) });
  }
  return passages;
}

/**
 * Paragraphs, list items and table rows of a Markdown file, without code. Text in `[...][reference]` is
 * quoted: it is the title of a test, and checked there. @returns {Passage[]}
 */
export function passagesOfMarkdown(text) {
  const prose = withoutCodeBlocks(text)
    .replace(/`[^`\n]*`/g, 'CODE')
    .replace(/\[[^\]\n]+\]\[[^\]\n]*\]/g, 'CODE')
    .replace(/^\[[^\]]+\]: .*$/gm, '');
  const passages = [];
  for (const { 0: token, index } of prose.matchAll(/[^\n]+(?:\n(?!\s*[-*|#>]|\s*\d+\.)[^\n]+)*/g)) {
    const words = token.replace(/^\s*(?:[-*>]|\d+\.|#+|\|)\s*/, '');
    for (const cell of words.split(' | ')) passages.push({ line: lineAt(text, index), text: joined(cell) });
  }
  return passages;
}

/** Empties the lines of fenced code, and of indented code after an empty line. */
export function withoutCodeBlocks(markdown) {
  const empty = (block) => block.replace(/[^\n]/g, '');
  return markdown
    .replace(/^```[\s\S]*?^```/gm, empty)
    .replace(/(?<=\n[ \t]*\n)(?: {4,}[^\n]*(?:\n|$)|[ \t]*\n(?= {4}))+/g, empty);
}

function joined(words) {
  return words.replace(/\s+/g, ' ').trim();
}

function lineAt(text, index) {
  return text.slice(0, index).split('\n').length;
}
