/** The files and commands of docs/containers.md, which the tests use unchanged. */
import { readFileSync } from 'node:fs';

export interface DocumentedFile {
  readonly path: string;
  readonly text: string;
}

const text = readFileSync(new URL('../../../../docs/containers.md', import.meta.url), 'utf8');

/** Returns the text below a heading, up to the next one, or the text before all headings for ''. */
function section(heading: string): string {
  const sections = text.split(/^## /m);
  const found = heading === '' ? sections[0] : sections.find((each) => each.startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`docs/containers.md has no section '${heading}'`);
  return found;
}

function blocks(heading: string, language: string): string[] {
  const found = [...section(heading).matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)];
  return found.filter(([, of]) => of === language).map(([, , block]) => block ?? '');
}

/** Returns the first file that a section shows. Its first line has its path. */
export function documentedFile(heading: string, language = 'toml'): DocumentedFile {
  const [block = ''] = blocks(heading, language);
  const [, path] = /^(?:#|\/\/) (\S+)\n/.exec(block) ?? [];
  if (path === undefined) throw new Error(`docs/containers.md: '${heading}' shows no file with its path`);
  return { path, text: block };
}

/** Returns the shell commands that a section shows. */
export function documentedCommands(heading: string): string {
  const commands = blocks(heading, 'sh');
  if (commands.length === 0) throw new Error(`docs/containers.md: '${heading}' shows no commands`);
  return commands.join('');
}

/** Returns the first block of a language that a section shows. */
export function documentedBlock(heading: string, language: string): string {
  const [block] = blocks(heading, language);
  if (block === undefined) throw new Error(`docs/containers.md: '${heading}' has no ${language}`);
  return block;
}
