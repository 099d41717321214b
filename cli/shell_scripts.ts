/**
 * What the scripts of `@optique/core` lack: behind `key=` there comes no space.
 *
 * @module
 */

/** How that of bash registers its function, and that of zsh shows what it has found. */
const ENDS: Readonly<Record<string, readonly [found: string, put: string]>> = {
  bash: [
    "complete -F _cvm -- cvm",
    `function _cvm_open () {
    _cvm "$@"
    if [[ "\${COMPREPLY[0]-}" == *= ]]; then compopt -o nospace 2>/dev/null || true; fi
  }
  complete -F _cvm_open -- cvm`,
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
 * The script of a shell, made to leave no space behind what ends with `=`.
 * fish, PowerShell and nu leave none by themselves.
 *
 * @param shell The shell.
 * @param script The script for `cvm`.
 */
export function withoutSpaces(shell: string, script: string): string {
  const [found, put] = ENDS[shell] ?? [];
  return found === undefined || put === undefined ? script : script.replace(found, () => put);
}
