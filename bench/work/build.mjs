const build = {
  name: 'build',
  group: 'build',
  title: '`make -j2` of 300 C files',
  recipe: 'sources',
  access: 'writable',
  changes: ['sources'],
  tools: ['gcc', 'make'],
  start: 'cold',
  // The compiler itself is read before, because loading it is not to be measured.
  prepare: () => 'cat "$(gcc -print-prog-name=cc1)" && echo "#include <stdio.h>" | gcc -c -xc -o /dev/null -',
  command: ({ root }) => `make -s -j2 -C ${root}/sources`,
};

export const works = [build];
