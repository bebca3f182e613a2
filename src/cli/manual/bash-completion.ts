import { BASH_FUNCTIONS } from './bash-functions.js';
import type { CommandOption, CommandWord, Completes, CompletionWords, MountOptionWord } from './completion-words.js';

/** The command line without a command, among the names of commands. */
const PLAIN = 'plain';

/**
 * The completion for bash. Its function reads the line itself: bash cuts words at `=` and `:`, which the
 * values of `-o` contain, and replaces only the part after the last of them, which it passes as `$2`.
 */
export function bashCompletion({ commands, plain, mountOptions }: CompletionWords): string {
  const names = commands.map(({ name }) => name);
  const all = [...commands, { ...plain, name: PLAIN }];
  return `# Completion of plyfs for bash: . <(plyfs completion bash)

${BASH_FUNCTIONS}
# Adds the mount options that begin with $1, or the values of one.
_plyfs_mount_option() {
  case $1 in
${mountOptions.flatMap((option) => valueCase(option)).join('\n')}
    *=*) ;;
    *) _plyfs_words "${mountOptions.map(({ spellings }) => spellings[0]).join(' ')}" "$1" ;;
  esac
}

# Sets kinds to the kinds of the values of the option $2 of the command $1.
_plyfs_kinds() {
  kinds=()
  case "$1 $2" in
${all.flatMap(({ name, options }) => options.flatMap((option) => kindsCase(name, option))).join('\n')}
  esac
}

_plyfs() {
  local -a words kinds
  local quote typed=$2 attached flags arguments REPLY IFS=$' \\t\\n'
  COMPREPLY=()
  _plyfs_split "\${COMP_LINE:0:COMP_POINT}"
  if [[ \${#words[@]} -eq 2 && \${words[1]} != -* ]]; then
    _plyfs_words "${names.join(' ')}" "\${words[1]}"
    [[ \${#COMPREPLY[@]} -gt 0 ]] || _plyfs_value ${kindOf(plain.arguments)} "\${words[1]}"
    return
  fi
  local command=\${words[1]} index=2
  case $command in
${commands.map(commandCase).join('\n')}
    *)
      flags='${flagsOf(plain)}' arguments=${kindOf(plain.arguments)}
      command=${PLAIN} index=1
      ;;
  esac
  _plyfs_complete "$command" "$index"
}

complete -F _plyfs plyfs
`;
}

function valueCase({ spellings, completes }: MountOptionWord): string[] {
  if (completes === 'nothing' || completes === 'none') return [];
  return spellings.map((spelling) => {
    return `    ${spelling}*) _plyfs_value ${kindOf(completes)} "\${1#${spelling}}" , ;;`;
  });
}

function kindsCase(command: string, { words, completes, hasSecondValue }: CommandOption): string[] {
  if (completes === 'nothing') return [];
  const kinds = hasSecondValue ? [kindOf(completes), 'none'] : [kindOf(completes)];
  return [`    ${words.map((word) => `'${command} ${word}'`).join(' | ')}) kinds=(${kinds.join(' ')}) ;;`];
}

function commandCase(command: CommandWord): string {
  return `    ${command.name}) flags='${flagsOf(command)}' arguments=${kindOf(command.arguments)} ;;`;
}

function flagsOf({ options }: CommandWord): string {
  return options.flatMap(({ words }) => words).join(' ');
}

function kindOf(completes: Completes): string {
  return typeof completes === 'string' ? completes : `'words:${completes.join(' ')}'`;
}
