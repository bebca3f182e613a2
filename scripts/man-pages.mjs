#!/usr/bin/env node
/**
 * Writes the man pages to dist/man, from the same commands, options and texts as the help. `npm run build`
 * runs it after the compiler; package.json lists the pages, so that `npm install --global` installs them.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Help } from 'commander';
import { PAGES } from '../dist/cli/manual/pages.js';
import { buildProgram } from '../dist/cli/syntax/program.js';
import { MAN_PAGES } from './man-pages/pages.mjs';
import { manPage } from './man-pages/roff.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}dist/man`;
const { version } = JSON.parse(await readFile(`${root}package.json`, 'utf8'));
const program = buildProgram({}, () => {});
const help = new Help();

/** The arguments and options that commander has of a command, and the sections of its help. */
function commandOf(name) {
  const command = program.commands.find((other) => other.name() === name) ?? program;
  const full = command === program ? 'plyfs' : `plyfs ${name}`;
  return {
    name: full,
    description: command.description(),
    synopsis: `${full} ${command.usage()}`.split('\n').map((line) => line.trim()),
    arguments: help
      .visibleArguments(command)
      .map((argument) => [`<${help.argumentTerm(argument)}>`, help.argumentDescription(argument)]),
    options: help.visibleOptions(command).map((option) => [help.optionTerm(option), help.optionDescription(option)]),
    sections: PAGES.get(command.name()) ?? [],
  };
}

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
for (const { name, section, ...page } of MAN_PAGES) {
  const text = manPage({ name, section, version, ...page, sections: page.sections(commandOf) });
  await writeFile(`${target}/${name}.${section}`, text);
}
