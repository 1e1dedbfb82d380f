/** Zsh's side. It takes the words as they were typed, and evaluates none of them. */
export const ZSH = `#compdef multifd
# zsh completion for multifd
_multifd() {
  local line directive=0
  local -a described space
  for line in "\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    if [[ $line == :* ]]; then
      directive=\${line#:}
    elif [[ -n $line ]]; then
      # _describe takes WORD:HELP.
      described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
    fi
  done
  ((directive & 2)) && space=(-S '')
  _describe -V multifd described "\${space[@]}" && return
  ((directive & 4)) && return 1
  # A path behind an option or a prefix: --report=x, file:x.
  compset -P '--*='
  compset -P '[a-z]##:'
  _files
}
# As a file of $fpath it is the function's body; else it is read once.
if [[ $funcstack[1] == _multifd ]]; then _multifd "$@"; else compdef _multifd multifd; fi
`;
