/** The functions of the completion for bash that know no words of plyfs. */

/**
 * `_plyfs` has the variables that the other functions share: `words`, `quote`, `typed`, `kinds`, `attached`,
 * `flags`, `arguments`.
 */
export const BASH_FUNCTIONS = `# Sets words to the words of the line $1, as the shell passes them, and quote to the quote that is open at the
# end of the line.
_plyfs_split() {
  local line=$1 word='' started='' char
  local variable='^(\\{([A-Za-z_][A-Za-z_0-9]*)\\}|([A-Za-z_][A-Za-z_0-9]*))'
  words=() quote=''
  while [[ -n $line ]]; do
    char=\${line:0:1} line=\${line:1}
    if [[ -z $quote && $char == [[:space:]] ]]; then
      [[ -z $started ]] || words+=("$word")
      word='' started=''
      continue
    fi
    if [[ $char == "$quote" ]]; then
      quote=''
    elif [[ -z $quote && $char == [\\'\\"] ]]; then
      quote=$char
    elif [[ $quote == "'" ]]; then
      word+=$char
    elif [[ $char == \\\\ ]]; then
      if [[ -n $quote && $line != [\\$\\\`\\"\\\\]* ]]; then
        word+=$char
      else
        word+=\${line:0:1} line=\${line:1}
      fi
    elif [[ $char == '$' && $line =~ $variable ]]; then
      char=\${BASH_REMATCH[2]}\${BASH_REMATCH[3]} line=\${line#"\${BASH_REMATCH[0]}"}
      word+=\${!char-}
    elif [[ -z $quote$started && $char == '~' && $line == /* ]]; then
      word+=$HOME
    else
      word+=$char
    fi
    started=1
  done
  words+=("$word")
}

# Sets REPLY to $1 with a backslash before each of the characters $2.
_plyfs_escape() {
  local text=$1
  REPLY=''
  while [[ -n $text ]]; do
    [[ $2 == *"\${text:0:1}"* ]] && REPLY+=\\\\
    REPLY+=\${text:0:1} text=\${text:1}
  done
}

# Sets REPLY to $1 without the backslashes that escape a character.
_plyfs_unescape() {
  local text=$1
  REPLY=''
  while [[ -n $text ]]; do
    [[ $text == \\\\?* ]] && text=\${text:1}
    REPLY+=\${text:0:1} text=\${text:1}
  done
}

# Sets REPLY to the part of $1 behind the last separator $2 that no backslash escapes.
_plyfs_last() {
  local text=$1
  REPLY=''
  while [[ -n $text ]]; do
    case $text in
      \\\\?*) REPLY+=\${text:0:2} text=\${text:2} ;;
      "$2"*) REPLY='' text=\${text:1} ;;
      *) REPLY+=\${text:0:1} text=\${text:1} ;;
    esac
  done
}

# Adds a completion: $1 follows the cursor, quoted as the word before it.
_plyfs_add() {
  local rest=$1 end="'\\\\''"
  [[ $rest == *[/=:] ]] && compopt -o nospace 2>/dev/null
  case $quote in
    "'") rest=\${rest//\\'/"$end"} ;;
    '"')
      _plyfs_escape "$rest" '\\$\`"'
      rest=$REPLY
      ;;
    *) [[ -z $rest ]] || printf -v rest %q "$rest" ;;
  esac
  COMPREPLY+=("$typed$rest")
}

# Adds those of the words in $1 that begin with $2.
_plyfs_words() {
  local word
  for word in $1; do
    [[ $word != "$2"* ]] || _plyfs_add "\${word#"$2"}"
  done
}

# Prints the paths that begin with $2, each with a NUL: directories, and files if $1 is file.
_plyfs_list() {
  local path
  set +f
  shopt -u failglob nocaseglob
  shopt -s nullglob
  GLOBIGNORE=''
  [[ \${2##*/} != .. ]] || printf '%s/\\0' "$2"
  for path in "$2"*; do
    if [[ -d $path ]]; then
      printf '%s/\\0' "$path"
    elif [[ $1 == file ]]; then
      printf '%s\\0' "$path"
    fi
  done
}

# Adds the paths that begin with $2: directories, and files if $1 is file. The word has a backslash before the
# characters $3, and cannot have the characters $4.
_plyfs_paths() {
  local base=$2 escaped=\${3-} refused=\${4-} path
  if [[ -n $escaped ]]; then
    _plyfs_unescape "$2"
    base=$REPLY
  fi
  while IFS= read -r -d '' path; do
    path=\${path#"$base"}
    [[ -z $refused || $path != *["$refused"]* ]] || continue
    _plyfs_escape "$path" "$escaped"
    _plyfs_add "$REPLY"
  done < <(_plyfs_list "$1" "$base")
}

# Adds the programs that begin with $1.
_plyfs_programs() {
  local directory path
  local -a directories
  IFS=: read -r -d '' -a directories <<<"$PATH:"
  while IFS= read -r -d '' path; do
    _plyfs_add "\${path#"$1"}"
  done < <(
    for directory in "\${directories[@]}"; do
      [[ -n $directory ]] || continue
      _plyfs_list file "$directory/$1" | while IFS= read -r -d '' path; do
        [[ $path == */ || ! -x $path ]] || printf '%s\\0' "\${path##*/}"
      done
    done
  )
}

# Adds the values of the kind $1 that begin with $2. In a list of options, $3 is a comma.
_plyfs_value() {
  local comma=\${3-}
  case $1 in
    directory | file) _plyfs_paths "$1" "$2" "\${comma:+\\\\$comma}" ;;
    # Nothing is escaped in such a path, so a comma would end it.
    unescaped-directory) _plyfs_paths directory "$2" '' "$comma" ;;
    directories)
      _plyfs_last "$2" :
      _plyfs_paths directory "$REPLY" "\\\\:$comma"
      ;;
    options)
      compopt -o nospace 2>/dev/null
      _plyfs_last "$2" ,
      _plyfs_mount_option "$REPLY"
      ;;
    words:*) _plyfs_words "\${1#words:}" "$2" ;;
  esac
}

# Adds what follows $2, an argument of the kind $1 that has $3 arguments before it.
_plyfs_argument() {
  if [[ $1 != command ]]; then
    _plyfs_value "$1" "$2"
  elif (($3 > 0)) || [[ $2 == */* ]]; then
    _plyfs_paths file "$2"
  else
    _plyfs_programs "$2"
  fi
}

# Reads the option $2 of the command $1. Sets kinds to the kinds of its values, and attached to its value if
# the word contains it, behind a blank.
_plyfs_option() {
  local letters=\${2#-}
  attached=''
  if [[ $2 == --* ]]; then
    _plyfs_kinds "$1" "\${2%%=*}"
    [[ $2 != *=* || \${#kinds[@]} -eq 0 ]] || attached=" \${2#*=}"
    return
  fi
  # One letter after the other, as in -fo.
  kinds=()
  while [[ -n $letters && \${#kinds[@]} -eq 0 ]]; do
    _plyfs_kinds "$1" "-\${letters:0:1}"
    letters=\${letters:1}
  done
  [[ \${#kinds[@]} -eq 0 || -z $letters ]] || attached=" $letters"
}

# Adds the completions of the last word, behind the words of the command $1 that begin at the index $2. flags
# are its options, and arguments is the kind of its arguments.
_plyfs_complete() {
  local command=$1 index=$2 last=$((\${#words[@]} - 1)) ended='' count=0
  local current=\${words[last]}
  kinds=()
  for (( ; index < last; index++)); do
    if [[ \${#kinds[@]} -gt 0 ]]; then
      kinds=("\${kinds[@]:1}")
    elif [[ -z $ended && \${words[index]} == -- ]]; then
      ended=1
    elif [[ -z $ended && \${words[index]} == -?* ]]; then
      _plyfs_option "$command" "\${words[index]}"
      [[ -z $attached ]] || kinds=("\${kinds[@]:1}")
    else
      ((count++))
      [[ $arguments != command ]] || ended=1
    fi
  done
  if [[ \${#kinds[@]} -gt 0 ]]; then
    _plyfs_value "\${kinds[0]}" "$current"
  elif [[ -n $ended || $current != -* ]]; then
    _plyfs_argument "$arguments" "$current" "$count"
  else
    _plyfs_option "$command" "$current"
    if [[ -n $attached ]]; then
      _plyfs_value "\${kinds[0]}" "\${attached:1}"
    else
      _plyfs_words "$flags" "$current"
    fi
  fi
}
`;
