#!/usr/bin/env bash
# The Debian packages: built from BUILD_FOLDER, looked at by lintian, installed by apt in a root where
# nothing but Debian's base system is, used there, and removed without residue. Needs root, a mirror
# (that of the first line of apt's sources), mmdebstrap and lintian.  Usage: debian.sh BUILD_FOLDER
set -euo pipefail
build=$(cd "${1:?usage: debian.sh BUILD_FOLDER}" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
root=$scratch/root
clean() {
  umount "$root/proc" 2>/dev/null || true
  mountpoint -q "$root/proc" || rm -rf "$scratch"
}
trap clean EXIT
(cd "$build" && cpack -G DEB -B "$scratch/packages" >/dev/null)
packages=("$scratch"/packages/*.deb)
ls -l "${packages[@]}"
lintian --allow-root --fail-on error "${packages[@]}"

mirror=$(apt-get indextargets --format '$(SITE)' | head -1)
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --variant=minbase --mode=root "$release" "$root" "$mirror" 2>"$scratch/log" || {
  cat "$scratch/log" >&2
  exit 1
}
mount --bind /proc "$root/proc" # LibTorch asks it for processors
inside() { chroot "$root" /usr/bin/env -i PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root DEBIAN_FRONTEND=noninteractive "$@"; }
# All but what the system itself, and the scripts of other packages, keep of every installation.
files() {
  (cd "$root" && find . -xdev \( -path ./proc -o -path ./sys -o -path ./var -o -path ./run -o -path ./root \) -prune -o \
    \( -type f -o -type l \) -print | sort | grep -v '^./etc/ld.so.cache$\|^./etc/[a-z]*-$')
}
cp "$here/../../testdata/photo-48x32.png" "$root/root/photo.png"
mkdir "$root/root/packages"
cp "$scratch"/packages/*.deb "$root/root/packages"
inside apt-get update -q >/dev/null
inside sh -c 'dpkg-deb -f /root/packages/pie-tools_*.deb Depends'
files >"$scratch/before"
inside sh -c 'apt-get install -y -q --no-install-recommends /root/packages/libpie0_*.deb /root/packages/pie-models_*.deb /root/packages/pie-tools_*.deb >/root/install.log' || {
  cat "$root/root/install.log"
  exit 1
}

inside pie-encode /root/photo.png
inside pie-decode -tt /root/photo.png.pie
inside pie-decode /root/photo.png.pie -o /root/same.ppm
inside pie-decode -l /root/photo.png.pie
inside pie-encode -f /root/same.ppm -o /root/again.pie
inside pie-decode -c /root/again.pie | cmp - "$root/root/same.ppm"
inside pie-encode -m pie-mnist --help >/dev/null
test -s "$root/usr/share/bash-completion/completions/pie-encode"
rm -f "$root"/root/*.pie "$root/root/same.ppm"

inside sh -c 'apt-get purge -y -q pie-tools pie-models libpie0 >/dev/null && apt-get autoremove -y -q --purge >/dev/null'
files >"$scratch/after"
diff "$scratch/before" "$scratch/after"
echo "installed, used and removed without residue"
