/** The help of a command: what commander writes, and the sections of the page. */
import { type Command, Help } from 'commander';
import type { Block, Section } from './page.js';
import { PAGES } from './pages.js';

/** A term that is longer has its explanation on the next line. */
const MAX_TERM = 24;
const INDENT = '  ';

export function helpOf(command: Command, width = process.stdout.columns): string {
  const help = new Help();
  // Commander writes no more than 80 columns to a file. A wide terminal is hard to read.
  help.prepareContext({ helpWidth: Math.min(width ?? 80, 100) });
  const sections = PAGES.get(command.name()) ?? [];
  return [help.formatHelp(command, help), ...sections.map((section) => sectionText(section, help))].join('\n');
}

function sectionText({ heading, blocks }: Section, help: Help): string {
  return `${help.styleTitle(`${heading}:`)}\n${blocks.map((block) => blockText(block, help)).join('')}`;
}

function blockText(block: Block, help: Help): string {
  if (typeof block === 'string') {
    const width = (help.helpWidth ?? 80) - INDENT.length;
    return `${indented(help.boxWrap(block, width).split('\n'), INDENT)}`;
  }
  if ('lines' in block) return indented(block.lines, `${INDENT}${INDENT}`);
  const termWidth = Math.min(MAX_TERM, Math.max(...block.items.map(([term]) => term.length)));
  return block.items.map(([term, text]) => `${itemText(term, text, termWidth, help)}\n`).join('');
}

function itemText(term: string, text: string, termWidth: number, help: Help): string {
  if (term.length <= termWidth) return help.formatItem(term, termWidth, text, help);
  return `${INDENT}${term}\n${help.formatItem('', termWidth, text, help)}`;
}

function indented(lines: readonly string[], indent: string): string {
  return lines.map((line) => `${indent}${line}\n`).join('');
}
