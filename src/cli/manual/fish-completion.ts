import type { CommandOption, CommandWord, Completes, CompletionWords, MountOptionWord } from './completion-words.js';

/** The completion for fish. */
export function fishCompletion({ commands, plain, mountOptions }: CompletionWords): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of plyfs for fish: plyfs completion fish | source

${FUNCTIONS}
# Prints the last option of the list before the cursor, completed, behind the options before it.
function __plyfs_mount_options
    set -l typed (__plyfs_typed | string replace -r '^-[a-z]*?o' '')
    set -l last (__plyfs_last "$typed" ,)
    set -l before (string sub -l (math (string length -- "$typed") - (string length -- "$last")) -- "$typed")
    switch $last
${mountOptions.flatMap((option) => valueCase(option)).join('\n')}
        case '*'
${mountOptions.map(printed).join('\n')}
    end
end

function __plyfs_at_first
    test (count (commandline -opc)) -eq 1
end

# Whether the first word begins no command.
function __plyfs_at_first_argument
    __plyfs_at_first; and set -l typed (commandline -ct); or return
    test -n "$typed"; and not string match -q -- (string escape --style=regex -- "$typed")'*' ${names}
end

function __plyfs_in
    set -l words (commandline -opc)
    set -q words[2]; and test $words[2] = $argv[1]
end

# Without a command the command line is that of mount.
function __plyfs_in_plain
    set -l words (commandline -opc)
    not set -q words[2]; or not contains -- $words[2] ${names}
end

complete -c plyfs -f
${commands.map(({ name, help }) => `complete -c plyfs -n __plyfs_at_first -a ${name} -d ${quoted(help)}`).join('\n')}
complete -c plyfs -n __plyfs_at_first_argument ${argumentOf(plain.arguments)}
complete -c plyfs -n '__plyfs_in_plain; and not __plyfs_at_first' ${argumentOf(plain.arguments)}
${plain.options.map((option) => optionLine('__plyfs_in_plain', option)).join('\n')}
${commands.flatMap(commandLines).join('\n')}
`;
}

/** The functions that know no words of plyfs. */
const FUNCTIONS = `# Prints the word before the cursor, as the shell passes it.
function __plyfs_typed
    set -l token (commandline -ct)
    for end in '' '"' "'"
        string unescape -- "$token$end" 2>/dev/null; and return
    end
    printf '%s\\n' $token
end

# Prints the part of $argv[1] behind the last separator $argv[2] that no backslash escapes.
function __plyfs_last
    string replace -r "^(?:(?:[^\\\\\\\\$argv[2]]|\\\\\\\\.)*$argv[2])*" '' -- $argv[1]
end

# Prints the paths of the kind $argv[1] that begin with $argv[2], each behind $argv[3]. They have a backslash
# before the characters $argv[4], and cannot have the characters $argv[5].
function __plyfs_paths
    set -l base $argv[2]
    test -n "$argv[4]"; and set base (string replace -ra '\\\\\\\\(.)' '$1' -- $base)
    set -l paths $base*/
    test $argv[1] = file; and set paths $base*
    for path in $paths
        set -l rest (string sub -s (math (string length -- "$base") + 1) -- $path)
        test -n "$argv[5]"; and string match -qr "[$argv[5]]" -- $rest; and continue
        test -n "$argv[4]"; and set rest (string replace -ra "[$argv[4]]" '\\\\\\\\$0' -- $rest)
        printf '%s\\n' $argv[3]$rest
    end
end

# Prints the values of the kind $argv[1] that begin with $argv[2], each with $argv[3] in place of $argv[2].
# In a list of options, $argv[4] is a comma.
function __plyfs_value
    switch $argv[1]
        case directory file
            set -l escaped
            test -n "$argv[4]"; and set escaped '\\\\\\\\'$argv[4]
            __plyfs_paths $argv[1] "$argv[2]" "$argv[3]" "$escaped" ''
        case unescaped-directory
            # Nothing is escaped in such a path, so a comma would end it.
            __plyfs_paths directory "$argv[2]" "$argv[3]" '' "$argv[4]"
        case directories
            __plyfs_paths directory (__plyfs_last "$argv[2]" :) "$argv[3]" '\\\\\\\\:'$argv[4] ''
    end
end

# Prints the completions of the command line whose words before the cursor $argv[1] prints.
function __plyfs_subcommand
    set -l line (string escape -- ($argv[1])) (commandline -ct)
    # Without a command before it, an option is one of plyfs.
    set -q line[2]; or not string match -q -- '-*' $line; and complete -C "$line"
end

# Prints the word before the cursor with its last path completed. $argv[1] is the kind of the word.
function __plyfs_word
    set -l typed (__plyfs_typed | string replace -r '^--[a-z]+=' '')
    __plyfs_value $argv[1] "$typed" "$typed" ''
end
`;

/** A command that prints a word with its help. */
function printed({ spellings: [word], help }: MountOptionWord): string {
  return `            printf '%s\\t%s\\n' $before${quoted(word)} ${quoted(help)}`;
}

function valueCase({ spellings, completes }: MountOptionWord): string[] {
  if (completes === 'nothing' || completes === 'none') return [];
  return spellings.map((spelling) => {
    const values =
      typeof completes === 'string'
        ? `__plyfs_value ${completes} (string replace ${quoted(spelling)} '' -- $last) "$typed" ,`
        : `printf '%s\\n' ${completes.map((value) => `"$before"${spelling}${value}`).join(' ')}`;
    return `        case ${quoted(`${spelling}*`)}\n            ${values}`;
  });
}

function commandLines(command: CommandWord): string[] {
  const { name, options, arguments: completes } = command;
  if (completes === 'command') return commandWithCommand(command);
  const condition = quoted(`__plyfs_in ${name}`);
  const argument = completes === 'none' ? [] : [`complete -c plyfs -n ${condition} ${argumentOf(completes)}`];
  return [...options.map((option) => optionLine(condition, option)), ...argument];
}

/** A command whose arguments are another command: it has no options behind the first of them. */
function commandWithCommand({ name, options }: CommandWord): string[] {
  const words = `__plyfs_${name}_words`;
  const condition = quoted(`__plyfs_in ${name}; and not ${words} >/dev/null; or test (count (${words})) -eq 0`);
  const valued = options.filter(({ completes }) => completes !== 'nothing');
  return [
    `# Prints the words of the command before the cursor. Fails if a value of an option is missing.
function ${words}
    set -l words (commandline -opc)[3..]
    while set -q words[1]
        set -l count 1
        switch $words[1]
            case --
                set -e words[1]
                break
${valued.map(skipCase).join('\n')}
            case '-*'
            case '*'
                break
        end
        set -q words[$count]; or return 1
        set -e words[1..$count]
    end
    string join -n \\n -- $words
    return 0
end`,
    ...options.map((option) => optionLine(condition, option)),
    `complete -c plyfs -n ${quoted(`__plyfs_in ${name}; and ${words} >/dev/null`)} -a '(__plyfs_subcommand ${words})'`,
  ];
}

function skipCase({ words, hasSecondValue }: CommandOption): string {
  const separate = `            case ${words.join(' ')}\n                set count ${hasSecondValue ? 3 : 2}`;
  if (!hasSecondValue) return separate;
  return `${separate}\n            case ${words.map((word) => quoted(`${word}=*`)).join(' ')}\n                set count 2`;
}

function optionLine(condition: string, { words, help, completes }: CommandOption): string {
  const flags = words.map((word) => (word.startsWith('--') ? `-l ${word.slice(2)}` : `-s ${word.slice(1)}`));
  const value = completes === 'nothing' ? '' : ` -x ${argumentOf(completes)}`;
  return `complete -c plyfs -n ${condition} ${flags.join(' ')}${value} -d ${quoted(help)}`;
}

function argumentOf(completes: Completes): string {
  if (typeof completes !== 'string') return `-a ${quoted(completes.join(' '))}`;
  switch (completes) {
    case 'options':
      return "-a '(__plyfs_mount_options)'";
    case 'directories':
      return `-a '(__plyfs_word directories)'`;
    case 'directory':
      return `-a '(__fish_complete_directories (commandline -ct | string replace -r "^--[a-z]+=" ""))'`;
    default:
      return '';
  }
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
