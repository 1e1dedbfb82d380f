# Sourced by the scripts beside it that install what Debian bookworm itself has too old: says how far they are, tries a
# mirror more than once, and knows how an entry for another suite is made.
# shellcheck shell=bash

# The entry that `add_backports` makes: .sources or .list, as the machine's own.
entries=/etc/apt/sources.list.d/multifd-backports

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# Packages from a mirror may fail for a moment: three attempts.
patiently() {
  local attempt
  for attempt in 1 2 3; do
    "$@" >&2 && return 0
    say "attempt $attempt failed: $*"
    sleep $((attempt * 5))
  done
  return 1
}

# apt-get, once whoever else is at it has ended.
apt_get() { patiently env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 "$@"; }

# entry_for SUITE FILE: copies the machine's own entry for the base suite, with another suite, to FILE.sources or
# FILE.list, as the machine's own is.
entry_for() {
  local suite=$1 target=$2 at file number
  # Whatever file and format it stands in: FILE:NUMBER of the entry.
  at=$(apt-get indextargets --format '$(SOURCESENTRY)|$(CODENAME)|$(COMPONENT)' 'Created-By: Packages' |
    awk -F'|' '$2 == "bookworm" && $3 == "main" && !found++ { print $1 }')
  [[ -n $at ]] || fail 'apt has no source for the suite bookworm'
  file=${at%:*} number=${at##*:}
  rm -f "$target".sources "$target".list
  if [[ $file == *.sources ]]; then
    # Stanza NUMBER, with its address and key, and the other suite.
    awk -v RS= -v number="$number" 'NR == number' "$file" | sed '/^#/d' |
      sed "s/^Suites:.*/Suites: $suite/; s/^Components:.*/Components: main/" >"$target.sources"
  else
    sed -n "${number}p" "$file" | sed "s/ bookworm .*/ $suite main/" >"$target.list"
  fi
}

# Makes bookworm-backports known to apt.
add_backports() {
  [[ $(id -u) == 0 ]] || fail 'must run as root, or with everything installed that it would install'
  local codename
  codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
  [[ $codename == bookworm ]] || fail "made for Debian bookworm, this is ${codename:-something else}"
  entry_for bookworm-backports "$entries"
  apt_get update -q
}
