import type { CommandOption, CommandWord, Completes, CompletionWords, MountOptionWord } from './completion-words.js';

/** The completion for zsh, as an autoloaded function and as a file to source. */
export function zshCompletion({ commands, plain, mountOptions }: CompletionWords): string {
  return `#compdef plyfs
# Completion of plyfs for zsh: a file _plyfs in a directory of $fpath

${FUNCTIONS}
# Completes the last option of a list separated by commas.
_plyfs_mount_options() {
  _plyfs_typed
  _plyfs_last "$REPLY" ,
  case $REPLY in
${mountOptions.flatMap((option) => valueCase(option)).join('\n')}
    *=*) ;;
    *)
      local -a words
      words=(${mountOptions.map(described).join(' ')})
      compset -P '*,'
      _describe 'mount option' words -S ''
      ;;
  esac
}

_plyfs() {
  local -a names
  names=(${commands.map(({ name, help }) => quoted(`${name}:${help}`)).join(' ')})
  if ((CURRENT == 2)) && [[ $PREFIX != -* ]]; then
    _describe command names || ${valueAction(plain.arguments)}
    return
  fi
  local command=$words[2]
  case $command in
${commands.map((command) => `    ${command.name}) shift words; ((CURRENT--)); ${argumentsOf(command)} ;;`).join('\n')}
    *) ${argumentsOf(plain)} ;;
  esac
}

if [[ $funcstack[1] == _plyfs ]]; then _plyfs "$@"; else compdef _plyfs plyfs; fi
`;
}

/** The functions that know no words of plyfs. */
const FUNCTIONS = `# Sets REPLY to the text before the cursor, as the shell passes it.
_plyfs_typed() {
  case $compstate[quote] in
    \\") REPLY=\${PREFIX//(#b)\\\\([\\\\\\$\\\`\\"])/$match[1]} ;;
    \\') REPLY=\${PREFIX//\\'\\\\\\'\\'/\\'} ;;
    *) REPLY=\${(Q)PREFIX} ;;
  esac
  if [[ -z $compstate[quote]$IPREFIX && $PREFIX == \\~/* ]]; then
    REPLY=$HOME\${REPLY#\\~}
  elif [[ $compstate[quote] != \\' && $PREFIX == (#b)*\\$([A-Za-z_][A-Za-z_0-9]#)* ]]; then
    REPLY=\${REPLY/\\$$match[1]/\${(P)match[1]}}
  fi
}

# Sets REPLY to the part of $1 behind the last separator $2 that no backslash escapes.
_plyfs_last() {
  local text=$1
  REPLY=''
  while [[ -n $text ]]; do
    case $text in
      \\\\?*) REPLY+=$text[1,2] text=$text[3,-1] ;;
      $2*) REPLY='' text=$text[2,-1] ;;
      *) REPLY+=$text[1] text=$text[2,-1] ;;
    esac
  done
}

# Completes the path $2: directories, and files if $1 is file. The word has a backslash before the characters
# $3, and cannot have the characters $4.
_plyfs_paths() {
  local base=$2 file rest
  local -a added shown
  [[ -z $3 ]] || base=\${base//(#b)\\\\(?)/$match[1]}
  for file in $base*(N); do
    if [[ -d $file ]]; then
      file+=/
    elif [[ $1 != file ]]; then
      continue
    fi
    rest=\${file#$base}
    [[ -z $4 || $rest != *[$4]* ]] || continue
    [[ -z $3 ]] || rest=\${rest//(#b)([$3])/\\\\$match[1]}
    case $compstate[quote] in
      \\") rest=\${rest//(#b)([\\\\\\$\\\`\\"])/\\\\$match[1]} ;;
      \\') rest=\${rest//\\'/\\'\\\\\\'\\'} ;;
      *) rest=\${(q)rest} ;;
    esac
    added+=("$PREFIX$rest")
    shown+=(\${\${file%/}:t}\${(M)file%/})
  done
  compadd -Q -S '' -d shown -a added
}

# Completes $2, a value of the kind $1. In a list of options, $3 is a comma.
_plyfs_value() {
  case $1 in
    directory | file) _plyfs_paths $1 "$2" "\${3:+\\\\$3}" '' ;;
    # Nothing is escaped in such a path, so a comma would end it.
    unescaped-directory) _plyfs_paths directory "$2" '' "$3" ;;
    directories)
      _plyfs_last "$2" :
      _plyfs_paths directory "$REPLY" "\\\\:$3" ''
      ;;
  esac
}

# Completes a command, or its arguments.
_plyfs_command() {
  [[ $words[1] != -- ]] || { shift words; ((CURRENT--)) }
  if ((CURRENT == 1)); then _command_names -e; else _normal; fi
}

# Completes a word that is a list of directories.
_plyfs_directories() {
  _plyfs_typed
  _plyfs_value directories "$REPLY" ''
}
`;

function valueCase({ spellings, completes }: MountOptionWord): string[] {
  if (completes === 'nothing' || completes === 'none') return [];
  return spellings.map((spelling) => {
    const action =
      typeof completes === 'string'
        ? `_plyfs_value ${completes} "\${REPLY#${spelling}}" ,`
        : `compset -P '*='; compadd -S '' -- ${completes.join(' ')}`;
    return `    ${spelling}*) ${action} ;;`;
  });
}

function described({ spellings: [word], help }: MountOptionWord): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${help}`);
}

/** -A: no options behind the first argument, which is a command. */
function argumentsOf({ options, arguments: completes }: CommandWord): string {
  const flags = completes === 'command' ? "-s -S -A '-*'" : '-s -S';
  return `_arguments ${[flags, ...options.flatMap(optionSpecs), ...argumentSpecs(completes)].join(' ')}`;
}

function argumentSpecs(completes: Completes): string[] {
  if (completes === 'none') return [];
  if (completes === 'command') return ["'*::command: _plyfs_command'"];
  return [quoted(`*:argument:${valueAction(completes)}`)];
}

function optionSpecs({ words, help, completes, hasSecondValue }: CommandOption): string[] {
  const text = help.replace(/[[\]:]/g, '\\$&');
  const value = completes === 'nothing' ? '' : `:value:${valueAction(completes)}${hasSecondValue ? ':value: ' : ''}`;
  return words.map((word) => quoted(`${word === '-o' ? '*' : ''}${word}${joint(word, completes)}[${text}]${value}`));
}

/** The sign for a value in the same word. */
function joint(word: string, completes: Completes): string {
  if (completes === 'nothing') return '';
  return word.startsWith('--') ? '=' : '+';
}

/** The action that completes a whole word. */
function valueAction(completes: Completes): string {
  if (typeof completes !== 'string') return `(${completes.join(' ')})`;
  switch (completes) {
    case 'directory':
      return '_path_files -/';
    case 'directories':
      return ' _plyfs_directories';
    case 'options':
      return ' _plyfs_mount_options';
    default:
      return ' ';
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
