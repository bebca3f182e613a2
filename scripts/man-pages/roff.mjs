/** Writes sections as a man page (man groff_man(7)). */

/** The text of the page `name(section)`. */
export function manPage({ name, section, version, summary, synopsis, sections }) {
  const manual = section === 1 ? 'User Commands' : 'System Administration';
  return [
    '.\\" Made by scripts/man-pages.mjs from the help and the table of options.',
    `.TH ${name.toUpperCase().replaceAll('-', '\\-')} ${section} "" "plyfs ${version}" "${manual}"`,
    '.SH NAME',
    `${escaped(name)} \\- ${escaped(summary)}`,
    '.SH SYNOPSIS',
    synopsis.map((line) => styledTerm(line)).join('\n.br\n'),
    ...sections.map(sectionText),
    '',
  ].join('\n');
}

function sectionText({ heading, blocks, isSubsection = false }) {
  const title = isSubsection ? `.SS ${escaped(heading)}` : `.SH ${escaped(heading.replace(/[a-z-]+/g, inCapitals))}`;
  return [title, ...blocks.map(blockText)].join('\n');
}

/** Options stay as they are. */
function inCapitals(word) {
  return word.startsWith('-') ? word : word.toUpperCase();
}

function blockText(block) {
  if (typeof block === 'string') return `.PP\n${line(block)}`;
  if ('lines' in block) return ['.PP', '.RS 4', '.nf', ...block.lines.map(line), '.fi', '.RE'].join('\n');
  return block.items.map(([term, text]) => `.TP\n${styledTerm(term)}\n${line(text)}`).join('\n');
}

/** A term in bold; what a user replaces, in capitals or in angle brackets, in italics. */
function styledTerm(term) {
  const text = term.replace(/<([^>]+)>/g, (_, name) => name.toUpperCase());
  const parts = text.split(/(\b[A-Z][A-Z+]*\b)/);
  return parts.map((part, i) => (part === '' ? '' : `\\f${i % 2 === 1 ? 'I' : 'B'}${escaped(part)}\\fR`)).join('');
}

/** One line of input, which no macro can be mistaken for. */
function line(text) {
  return escaped(text).replace(/^(?=[.\\])/, '\\&');
}

const ESCAPES = { '\\': '\\e', '-': '\\-', "'": '\\(aq', '`': '\\(ga', '^': '\\(ha', '~': '\\(ti' };

function escaped(text) {
  if (/[^ -~]/.test(text)) throw new Error(`not ASCII: ${text}`);
  return text.replace(/[\\\-'`^~]/g, (character) => ESCAPES[character]);
}
