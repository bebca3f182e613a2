import type { CommandOption, CommandWord, Completes, MountOptionWord } from './completion-words.js';

/** The completion for zsh, as an autoloaded function and as a file to source. */
export function zshCompletion(commands: readonly CommandWord[], options: readonly MountOptionWord[]): string {
  const mount = commands.find(({ name }) => name === 'mount');
  return `#compdef plyfs
# Completion of plyfs for zsh: a file _plyfs in a directory of $fpath

# Completes the last option of a list separated by commas.
_plyfs_mount_options() {
  local last=\${PREFIX##*,}
  compset -P '*,'
  case $last in
${options.flatMap(valueCase).join('\n')}
    *)
      local -a valued bare
      valued=(${options.flatMap((option) => (option.completes === 'nothing' ? [] : [described(option)])).join(' ')})
      bare=(${options.flatMap((option) => (option.completes === 'nothing' ? [described(option)] : [])).join(' ')})
      _describe 'mount option' valued -S = -- bare -S ''
      ;;
  esac
}

_plyfs_directories() {
  compset -P '*:'
  _files -/
}

_plyfs() {
  local -a commands
  commands=(${commands.map(({ name, help }) => quoted(`${name}:${help}`)).join(' ')})
  if ((CURRENT == 2)) && [[ $PREFIX != -* ]]; then
    _describe command commands
    _files -/
    return
  fi
  local command=$words[2]
  case $command in
${commands.map((command) => `    ${command.name}) shift words; ((CURRENT--)); ${argumentsOf(command)} ;;`).join('\n')}
    *) ${mount === undefined ? '' : argumentsOf(mount)} ;;
  esac
}

if [[ $funcstack[1] == _plyfs ]]; then _plyfs "$@"; else compdef _plyfs plyfs; fi
`;
}

function valueCase({ word, completes }: MountOptionWord): string[] {
  const action = valueAction(completes);
  return action === undefined ? [] : [`    ${word}=*) compset -P '*='; ${action} ;;`];
}

function valueAction(completes: Completes): string | undefined {
  if (typeof completes !== 'string') return `compadd -S '' -- ${completes.join(' ')}`;
  switch (completes) {
    case 'directory':
      return '_files -/';
    case 'directories':
      return '_plyfs_directories';
    case 'file':
      return '_files';
    default:
      return undefined;
  }
}

function described({ word, help }: MountOptionWord): string {
  return quoted(`${word.replaceAll(':', '\\:')}:${help}`);
}

function argumentsOf({ options, arguments: completes }: CommandWord): string {
  const specs = options.flatMap(optionSpecs);
  const rest = completes === 'none' ? [] : [quoted(`*:argument:${argumentAction(completes)}`)];
  return `_arguments ${[...specs, ...rest].join(' ')}`;
}

function optionSpecs({ words, help, completes }: CommandOption): string[] {
  const text = help.replace(/[[\]:]/g, '\\$&');
  const value = completes === 'nothing' ? '' : `:value:${argumentAction(completes)}`;
  return words.map((word) => quoted(`${word === '-o' ? '*' : ''}${word}[${text}]${value}`));
}

function argumentAction(completes: Completes): string {
  if (completes === 'options') return '_plyfs_mount_options';
  return typeof completes === 'string' ? (valueAction(completes) ?? ' ') : `(${completes.join(' ')})`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
