#!/usr/bin/env bash
# Puts a Linux for i386 and a BIOS into a folder, for `node src/main.ts FOLDER`. Both come from packages of Debian 12; a download
# of 105 MB, most of which is not used.
set -euo pipefail
mkdir -p "${1:?the folder}"
to=$(cd "$1" && pwd)
from=$(mktemp -d)
trap 'rm -rf "$from"' EXIT
cd "$from"
# apt's own user cannot write here, and it warns of that.
apt-get download -q debian-installer-12-netboot-i386 seabios >&2
dpkg-deb --fsys-tarfile debian-installer-12-netboot-i386_*.deb |
  tar -xO ./usr/lib/debian-installer/images/12/i386/text/debian-installer/i386/linux >"$to/linux"
dpkg-deb --fsys-tarfile seabios_*.deb | tar -xO ./usr/share/seabios/bios.bin >"$to/bios.bin"
echo "$to"
