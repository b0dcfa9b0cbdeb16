#!/usr/bin/env bash
# Images that no model makes small are coded without one, in all their depth; nobody has to ask.
. "$(dirname "$0")/helpers.sh"
python <<'P'
import struct
open("deep.pgm", "wb").write(b"P5\n60 50\n65535\n" + b"".join(
    struct.pack(">H", (x * y * 77 + 40 * x) % 65536) for y in range(50) for x in range(60)))
# A drawing: flat areas with sharp edges.
w, h = 300, 200
rows = bytearray(b"P6\n%d %d\n255\n" % (w, h))
for y in range(h):
    for x in range(w):
        rows += b"\xff\xff\xff" if (x // 37 + y // 23) % 3 else b"\x10\x60\xc0"
open("drawing.ppm", "wb").write(rows)
P
unset PIE_MODEL_PATH
for image in drawing.ppm deep.pgm "$testdata/photo-48x32.png"; do
  name=$(basename "$image")
  for coder in model auto floor; do
    expect 0 pie-encode -f --coder $coder "$image" -o $coder.pie --json
    expect 0 pie-decode $coder.pie -o $coder.$name
    expect 0 pie-decode -tt $coder.pie
    case $name in *.p?m) same "$image" $coder.$name ;; *) same model.$name $coder.$name ;; esac
  done
  smallest=$(stat -c %s model.pie floor.pie | sort -n | head -n 1)
  [ "$(stat -c %s auto.pie)" = "$smallest" ] || fail "$name: auto is not the smaller one"
done
same model.pie auto.pie # the photograph
expect 0 pie-encode drawing.ppm
says 'no model, JPEG XL or WebP'
# No model is needed, or looked at.
expect 0 env PIE_MODEL_PATH="$scratch" "$tools/pie-decode" -T 1 drawing.ppm.pie -o again.ppm
expect 0 pie-decode -m pie-photo drawing.ppm.pie -o named.ppm
expect 0 pie-decode -l drawing.ppm.pie
grep -q 'no model, JPEG XL or WebP' "$out" || fail "-l does not say who coded it"
expect 0 pie-encode -f --effort 1 drawing.ppm
expect 2 pie-encode -f --effort 0 drawing.ppm
# An archive stays with the model, and so do previews.
expect 0 pie-encode --layers 2 drawing.ppm -o preview.pie
[ "$(pie-decode -l preview.pie | wc -l)" = 3 ] || fail "no preview"
# Damage is noticed, whatever byte it hits.
python "$tools" <<'P'
import subprocess, sys
good = open("drawing.ppm.pie", "rb").read()
for at in range(0, len(good), max(1, len(good) // 12)):
    bad = bytearray(good)
    bad[at] ^= 0x20
    open("bad.pie", "wb").write(bad)
    code = subprocess.run([sys.argv[1] + "/pie-decode", "-qT1", "bad.pie", "-fo", "bad.ppm"], stderr=subprocess.DEVNULL).returncode
    assert code in (1, 3, 4, 5), (at, code)
P
