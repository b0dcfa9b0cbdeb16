#!/usr/bin/env bash
# Installs every package that building, testing and the quick start need (Debian 12, Ubuntu).
# --tests adds what tests/check.sh needs, --developer what tests/check.sh --full does.
# Idempotent: returns at once when all are there. Run as root, or with sudo installed.
set -euo pipefail

packages=(
  g++ cmake ninja-build pkg-config git ca-certificates
  libtorch-dev libgloo-dev libopenblas0-openmp   # without an optimised BLAS, LibTorch is 30 times slower
  libpng-dev libjpeg62-turbo-dev libgif-dev libtiff-dev libwebp-dev libjxl-dev libstb-dev zlib1g-dev libzstd-dev libxxhash-dev nettle-dev
  libcli11-dev nlohmann-json3-dev libmimalloc-dev
  libgtest-dev python3 python3-numpy zstd
)
if [ "${1:-}" = "--tests" ] || [ "${1:-}" = "--developer" ]; then
  packages+=(clang libclang-rt-dev)
fi
if [ "${1:-}" = "--developer" ]; then
  packages+=(clang-format clang-tidy python3-torch python3-matplotlib
             python3-pil umap-learn dataset-fashion-mnist man-db libdnnl-dev libjxl-tools webp optipng xz-utils zsh fish mmdebstrap lintian valgrind
             openmpi-bin iproute2)
fi

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -q
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
