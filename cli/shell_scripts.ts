/**
 * What the scripts of `@optique/core` lack: words with a colon in bash, and
 * that there comes no space behind `key=`.
 *
 * @module
 */

/** How that of bash registers its function, and that of zsh shows what it has found. */
const ENDS: Readonly<Record<string, readonly [found: string, put: string]>> = {
  bash: [
    "complete -F _cvm -- cvm",
    `# Words with a colon, which bash takes apart, are put together again.
  function _cvm_words () {
    local __line="$COMP_LINE" __word __space __at=0 __cword=$COMP_CWORD
    local -a __joined=()
    for __word in "\${COMP_WORDS[@]}"; do
      __space="\${__line%%[![:space:]]*}"
      __line="\${__line#"$__space"}"
      __line="\${__line#"$__word"}"
      if (( \${#__joined[@]} > 1 )) && [[ -z $__space && -n $__word ]] &&
          [[ $__word == :* || \${__joined[\${#__joined[@]}-1]} == *: ]]; then
        __joined[\${#__joined[@]}-1]+="$__word"
      else
        __joined+=("$__word")
      fi
      if (( __at == COMP_CWORD )); then __cword=$((\${#__joined[@]} - 1)); fi
      ((++__at))
    done
    local -a COMP_WORDS=("\${__joined[@]}")
    local COMP_CWORD=$__cword
    _cvm "$@"
    # Bash replaces what stands behind the last colon.
    local __head="\${COMP_WORDS[COMP_CWORD]}"
    __head="\${__head%"\${2-}"}"
    if [[ $__head == *: && $__head != -* ]]; then COMPREPLY=("\${COMPREPLY[@]#"$__head"}"); fi
    if [[ "\${COMPREPLY[0]-}" == *= ]]; then compopt -o nospace 2>/dev/null || true; fi
  }
  complete -F _cvm_words -- cvm`,
  ],
  zsh: [
    "      _describe 'commands' matches\n",
    `      local -a __open=("\${(@M)matches:#*=:*}")
      (( $#__open )) && _describe 'arguments' __open -S ''
      matches=("\${(@)matches:#*=:*}")
      (( $#matches )) && _describe 'commands' matches
`,
  ],
};

/**
 * The script of a shell, made to take words with a colon and to leave no space
 * behind what ends with `=`. fish, PowerShell and nu do both by themselves.
 *
 * @param shell The shell.
 * @param script The script for `cvm`.
 */
export function amendScript(shell: string, script: string): string {
  const [found, put] = ENDS[shell] ?? [];
  return found === undefined || put === undefined ? script : script.replace(found, () => put);
}
