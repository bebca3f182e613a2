/** A C program of 300 files, each of which includes a header of its own and twenty that all share, with its Makefile. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FILES = 300;
const SHARED_HEADERS = 20;
const FUNCTIONS = 15;

/** @type {import('../layers.mjs').Recipe} */
export const recipe = { name: 'sources', version: 1, lowers: ['headers', 'bottom'], plain: 'plain', build };

function build({ directory, scale }) {
  const write = (layer, path, text) => {
    for (const place of [layer, recipe.plain]) {
      mkdirSync(join(directory, place, 'sources', 'include'), { recursive: true });
      writeFileSync(join(directory, place, 'sources', path), text);
    }
  };
  const files = FILES * scale;
  const shared = Array.from({ length: SHARED_HEADERS }, (_, number) => `shared-${number}.h`);
  for (const [number, name] of shared.entries()) write('headers', `include/${name}`, sharedHeader(number));
  for (let number = 0; number < files; number++) {
    write('headers', `include/unit-${number}.h`, `int unit_${number}(int);\n`);
    write('bottom', `unit-${number}.c`, unit(number, shared));
  }
  write('bottom', 'main.c', mainFile(files));
  write('bottom', 'Makefile', makefile(files));
}

function sharedHeader(number) {
  return `#pragma once\nstatic inline int shared_${number}(int value) { return value * ${number + 3} + ${number}; }\n`;
}

function unit(number, shared) {
  const includes = [...shared, `unit-${number}.h`].map((name) => `#include "${name}"`).join('\n');
  const functions = Array.from(
    { length: FUNCTIONS },
    (_, index) =>
      `static int step_${index}(int value) {\n  for (int i = 0; i < ${index + 2}; i++)\n    value = shared_${index}(value) ^ (value >> ${(index % 7) + 1});\n  return value;\n}\n`,
  );
  const calls = Array.from({ length: FUNCTIONS }, (_, index) => `  value = step_${index}(value);`);
  const body = `int unit_${number}(int value) {\n${calls.join('\n')}\n  return value;\n}\n`;
  return `#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n${includes}\n${functions.join('')}${body}`;
}

function mainFile(files) {
  const numbers = Array.from({ length: files }, (_, number) => number);
  const includes = numbers.map((number) => `#include "unit-${number}.h"`).join('\n');
  const calls = numbers.map((number) => `  value = unit_${number}(value);`).join('\n');
  return `#include <stdio.h>\n${includes}\nint main(void) {\n  int value = 1;\n${calls}\n  printf("%d\\n", value);\n  return 0;\n}\n`;
}

function makefile(files) {
  const objects = Array.from({ length: files }, (_, number) => `unit-${number}.o`).join(' ');
  return `CFLAGS = -O1 -Iinclude -MMD
objects = main.o ${objects}
program: $(objects)
\t$(CC) -o $@ $(objects)
%.o: %.c
\t$(CC) $(CFLAGS) -c -o $@ $<
-include $(objects:.o=.d)
`;
}
