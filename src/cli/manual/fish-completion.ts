import type { CommandOption, CommandWord, Completes, MountOptionWord } from './completion-words.js';

/** The completion for fish. */
export function fishCompletion(commands: readonly CommandWord[], options: readonly MountOptionWord[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of plyfs for fish: plyfs completion fish | source

# Prints the last option of the list before the cursor, completed, behind the options before it.
function __plyfs_mount_options
    set -l token (commandline -ct)
    set -l last (string split -- , $token)[-1]
    set -l before (string sub -l (math (string length -- "$token") - (string length -- "$last")) -- "$token")
    set -l value (string replace -r '^[^=]*=' '' -- $last)
    switch $last
${options.flatMap(valueCase).join('\n')}
        case '*'
${options.map(printed).join('\n')}
    end
end

# Prints the directories that begin with the last path in the list $argv[1].
# $argv[2] is put before the list.
function __plyfs_directories
    set -l last (string split -- : $argv[1])[-1]
    set -l before (string sub -l (math (string length -- "$argv[1]") - (string length -- "$last")) -- "$argv[1]")
    for path in (__fish_complete_directories "$last" '' | string replace -r '\\t.*' '')
        printf '%s\\n' $argv[2]$before$path
    end
end

function __plyfs_needs_command
    set -l words (commandline -opc)
    test (count $words) -eq 1
end

function __plyfs_in
    set -l words (commandline -opc)
    test (count $words) -gt 1; and contains -- $words[2] $argv
end

# Without a command the command line is that of mount.
function __plyfs_in_mount
    set -l words (commandline -opc)
    test (count $words) -gt 1; and not contains -- $words[2] ${names.replace(/\bmount /, '')}
end

complete -c plyfs -f
${commands.map(({ name, help }) => `complete -c plyfs -n __plyfs_needs_command -a ${name} -d ${quoted(help)}`).join('\n')}
${commands.flatMap(commandLines).join('\n')}
`;
}

/** A command that prints a word with its help. */
function printed({ word, help, completes }: MountOptionWord): string {
  const spelling = completes === 'nothing' ? word : `${word}=`;
  return `            printf '%s\\t%s\\n' $before${quoted(spelling)} ${quoted(help)}`;
}

function valueCase({ word, completes }: MountOptionWord): string[] {
  const values = valuesOf(completes, `"$before"${word}=`);
  return values === undefined ? [] : [`        case '${word}=*'\n            ${values}`];
}

/** A command that prints the values of this kind, behind `before`. */
function valuesOf(completes: Completes, before: string): string | undefined {
  if (typeof completes !== 'string') {
    return `printf '%s\\n' ${completes.map((value) => `${before}${value}`).join(' ')}`;
  }
  switch (completes) {
    case 'directory':
    case 'directories':
      return `__plyfs_directories "$value" ${before}`;
    case 'file':
      return `printf '%s\\n' ${before}(__fish_complete_path "$value" | string replace -r '\\t.*' '')`;
    default:
      return undefined;
  }
}

function commandLines({ name, options, arguments: completes }: CommandWord): string[] {
  const condition = name === 'mount' ? '__plyfs_in_mount' : `'__plyfs_in ${name}'`;
  return [
    ...options.map((option) => `complete -c plyfs -n ${condition} ${flagsOf(option)} -d ${quoted(option.help)}`),
    ...(completes === 'none' ? [] : [`complete -c plyfs -n ${condition} ${argumentOf(completes)}`]),
  ];
}

function flagsOf({ words, completes }: CommandOption): string {
  const flags = words.map((word) => (word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`));
  return `${flags.join(' ')}${completes === 'nothing' ? '' : ` -x ${argumentOf(completes)}`}`;
}

function argumentOf(completes: Completes): string {
  if (typeof completes !== 'string') return `-a ${quoted(completes.join(' '))}`;
  if (completes === 'options') return "-a '(__plyfs_mount_options)'";
  return completes === 'none' ? '' : `-a '(__plyfs_directories (commandline -ct) "")'`;
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
