/**
 * A C program of 300 files with its Makefile. As in larger programs, most of the work for a file is its
 * headers: forty of a hundred, in four directories that the compiler searches one after the other.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { randomFrom, shuffled } from '../random.mjs';

const FILES = 300;
const HEADERS = 100;
const HEADERS_OF_A_UNIT = 40;
const PARTS = ['base', 'data', 'net', 'util'];

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'sources', version: 2, lowers: ['headers', 'bottom'], plain: 'plain', build };

function build({ directory, scale }) {
  const write = (layer, path, text) => {
    for (const place of [layer, recipe.plain]) {
      const file = join(directory, place, 'sources', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  };
  const random = randomFrom(3);
  const files = FILES * scale;
  const headers = Array.from({ length: HEADERS }, (_, number) => number);
  for (const number of headers)
    write('headers', `include/${PARTS[number % PARTS.length]}/h${number}.h`, header(number));
  for (let number = 0; number < files; number++) {
    const included = shuffled(headers, random).slice(0, HEADERS_OF_A_UNIT);
    write('bottom', `unit-${number}.c`, unit(number, included));
  }
  write('bottom', 'main.c', mainFile(files));
  write('bottom', 'Makefile', makefile(files));
}

function header(number) {
  return `#pragma once\nstruct s${number} { int a, b; };\nextern int declared_${number}(struct s${number} *, int);\nstatic inline int step_${number}(int value) { return value * ${number + 3} + ${number}; }\n`;
}

function unit(number, included) {
  const includes = included.map((other) => `#include "h${other}.h"\n`).join('');
  const calls = included.map((other) => `  value = step_${other}(value);\n`).join('');
  return `#include <stdio.h>\n#include <string.h>\n${includes}int unit_${number}(int value) {\n${calls}  return value;\n}\n`;
}

function mainFile(files) {
  const numbers = Array.from({ length: files }, (_, number) => number);
  const declarations = numbers.map((number) => `int unit_${number}(int);\n`).join('');
  const calls = numbers.map((number) => `  value = unit_${number}(value);\n`).join('');
  return `#include <stdio.h>\n${declarations}int main(void) {\n  int value = 1;\n${calls}  printf("%d\\n", value);\n  return 0;\n}\n`;
}

function makefile(files) {
  const objects = Array.from({ length: files }, (_, number) => `unit-${number}.o`).join(' ');
  return `CFLAGS = ${PARTS.map((part) => `-Iinclude/${part}`).join(' ')} -MMD
objects = main.o ${objects}
program: $(objects)
\t$(CC) -o $@ $(objects)
%.o: %.c
\t$(CC) $(CFLAGS) -c -o $@ $<
-include $(objects:.o=.d)
`;
}
