import type { CommandWord, Completes, MountOptionWord } from './completion-words.js';

/**
 * The completion for bash. Its function reads the line itself: bash cuts words at `=` and `:`, which the
 * values of `-o` contain, and replaces only the part after the last of them.
 */
export function bashCompletion(commands: readonly CommandWord[], options: readonly MountOptionWord[]): string {
  const names = commands.map(({ name }) => name).join(' ');
  return `# Completion of plyfs for bash: . <(plyfs completion bash)

# Sets COMPREPLY to those of the words in $1 that begin with $2, each behind $3.
_plyfs_words() {
  local word
  for word in $1; do
    [[ $word == "$2"* ]] && COMPREPLY+=("$3$word")
  done
}

# Sets COMPREPLY to the directories ($1: -d) or files (-f) that begin with $2, each behind $3.
_plyfs_paths() {
  local path
  while IFS= read -r path; do
    [[ -d $path ]] && path+=/
    COMPREPLY+=("$3$path")
  done < <(compgen "$1" -- "$2")
}

# Completes the value of the kind $1 that begins with $2, behind $3.
_plyfs_value() {
  case $1 in
    directory) _plyfs_paths -d "$2" "$3" ;;
    directories)
      local last=\${2##*:}
      _plyfs_paths -d "$last" "$3\${2%"$last"}"
      ;;
    file) _plyfs_paths -f "$2" "$3" ;;
    options) _plyfs_options "$2" ;;
    words:*) _plyfs_words "\${1#words:}" "$2" "$3" ;;
  esac
}

# Completes the last option in the list $1 of options separated by commas.
_plyfs_options() {
  local last=\${1##*,}
  local before=\${1%"$last"} value=\${last#*=}
  case $last in
${options.flatMap((option) => valueCase(option)).join('\n')}
    *) _plyfs_words "${options.map(spelling).join(' ')}" "$last" "$before" ;;
  esac
}

_plyfs() {
  local line=\${COMP_LINE:0:COMP_POINT}
  local -a words
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  local last=$((\${#words[@]} - 1))
  local current=\${words[last]} previous=\${words[last - 1]} command=\${words[1]}
  COMPREPLY=()
  if ((last == 1)) && [[ $current != -* ]]; then
    _plyfs_words "${names}" "$current"
    [[ \${#COMPREPLY[@]} -gt 0 ]] || _plyfs_paths -d "$current"
  else
    case $command in
${commands.map(commandCase).join('\n')}
      *) ${commandBody(commands.find(({ name }) => name === 'mount'))} ;;
    esac
  fi
  # bash replaces only the part of the word behind the last of its separators.
  local rest=$current
  [[ $COMP_WORDBREAKS == *=* ]] && rest=\${rest##*=}
  [[ $COMP_WORDBREAKS == *:* ]] && rest=\${rest##*:}
  local shown=\${current%"$rest"} all=\${COMPREPLY[*]}
  COMPREPLY=("\${COMPREPLY[@]#"$shown"}")
  # No blank behind a word that takes a value, a directory, or an option in a list.
  if [[ $previous == -o || $all == *= || $all == */ ]]; then compopt -o nospace 2>/dev/null; fi
}

complete -F _plyfs plyfs
`;
}

/** A word, with `=` if a value follows. */
function spelling({ word, completes }: MountOptionWord): string {
  return completes === 'nothing' ? word : `${word}=`;
}

function valueCase({ word, completes }: MountOptionWord): string[] {
  if (completes === 'nothing' || completes === 'none') return [];
  return [`    ${word}=*) _plyfs_value ${kindOf(completes)} "$value" "$before"${word}= ;;`];
}

function commandCase(command: CommandWord): string {
  return `      ${command.name}) ${commandBody(command)} ;;`;
}

/** Completes the value of the option before the cursor, an option, or an argument. */
function commandBody(command: CommandWord | undefined): string {
  const { options = [], arguments: completes = 'none' } = command ?? {};
  const flags = options.flatMap(({ words }) => words).join(' ');
  const values = options.filter((option) => option.completes !== 'nothing');
  const cases = values.map(
    (option) => `          ${option.words.join(' | ')}) _plyfs_value ${kindOf(option.completes)} "$current" ;;`,
  );
  return `
        case $previous in
${cases.join('\n')}
          *)
            if [[ $current == -* ]]; then _plyfs_words "${flags}" "$current"
            else _plyfs_value ${kindOf(completes)} "$current"; fi
            ;;
        esac
       `;
}

function kindOf(completes: Completes): string {
  return typeof completes === 'string' ? completes : `'words:${completes.join(' ')}'`;
}
