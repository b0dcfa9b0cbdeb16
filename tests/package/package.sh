#!/usr/bin/env bash
# A program of another project finds the installed libraries, with CMake and with pkg-config, and
# encodes and decodes an image.  Usage: package.sh BUILD_FOLDER
set -euo pipefail
build=$(cd "${1:?usage: package.sh BUILD_FOLDER}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
image=$here/../../testdata/photo-48x32.png
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
cmake --install "$build" --prefix "$prefix" >/dev/null

cmake -S "$here" -B "$scratch/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$scratch/build"
cd "$scratch"
build/round_trip pie-photo "$image" photo.pie | tee told
grep -q ' lossless$' told
build/list_layers photo.pie | tee layers
grep -q "^r_1 ends at byte $(stat -c %s photo.pie)$" layers
# The installed tool agrees.
"$prefix/bin/pie-encode" -q "$image" -o tool.pie
cmp tool.pie photo.pie

PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name pie.pc)")
export PKG_CONFIG_PATH
for package in pie_format pie; do
  read -ra flags <<<"$(pkg-config --cflags --libs $package)"
  g++ -std=c++17 "$here/list_layers.cc" "${flags[@]}" -Wl,--no-as-needed \
    -Wl,-rpath,"$(pkg-config --variable=libdir $package)" -o listed
  ./listed photo.pie | cmp - layers
done
