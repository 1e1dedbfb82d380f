/**
 * Bash's side. It needs nothing but bash, and takes the words as they are: a script that evaluates them would run what
 * stands in them.
 */
export const BASH = `# bash completion for multifd
_multifd_complete() {
  local line=\${COMP_LINE:0:COMP_POINT} words cur broken candidate directive=0
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  cur=\${words[\${#words[@]}-1]}
  # Bash replaces only what stands behind the last of these characters.
  broken=\${cur%"\${cur##*[$COMP_WORDBREAKS]}"}
  COMPREPLY=()
  while IFS=$'\\t' read -r candidate _; do
    if [[ $candidate == :* ]]; then
      directive=\${candidate#:}
    else
      COMPREPLY+=("\${candidate#"$broken"}")
    fi
  done < <("\${COMP_WORDS[0]}" complete -- "\${words[@]:1}" 2>/dev/null)
  # Older ones have no compopt.
  if ((directive & 2)); then compopt -o nospace 2>/dev/null; fi
  if ((directive & 4)); then compopt +o default 2>/dev/null; fi
}
complete -o default -F _multifd_complete multifd
`;
