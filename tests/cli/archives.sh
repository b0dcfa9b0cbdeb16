#!/usr/bin/env bash
# Many images in a file: archives, --select, frames in a row, latents, cutting and listing.
. "$(dirname "$0")/helpers.sh"
train tiny

# 600 images, which are two blocks.
expect 0 pie-encode -m tiny "$digits"{,,,,,} -o set.pie
expect 0 pie-decode set.pie -o all.idx
expect 0 pie-decode set.pie --select 5,500-599,3 -o some.idx
expect 0 pie-decode set.pie --select 599 -o last.pgm
expect 0 pie-decode set.pie --select 511-513 --format png -O chosen
[ "$(echo chosen/*)" = 'chosen/set-00511.png chosen/set-00512.png chosen/set-00513.png' ] ||
  fail "other files: $(echo chosen/*)"
python <<'P'
import struct
read = lambda name: open(name, "rb").read()
everything, some = read("all.idx"), read("some.idx")
image = lambda i: everything[16 + 784 * i:16 + 784 * (i + 1)]
assert everything[:16] == struct.pack(">IIII", 0x803, 600, 28, 28) and len(everything) == 16 + 784 * 600
chosen = [5, *range(500, 600), 3]
assert some == struct.pack(">IIII", 0x803, 102, 28, 28) + b"".join(map(image, chosen))
assert read("last.pgm") == b"P5\n28 28\n255\n" + image(599)
P
for wrong in 600 7-5,; do
  expect 2 pie-decode set.pie --select "$wrong" -o x.idx
  says '--select takes indices and ranges below 600'
done
expect 2 pie-decode set.pie -o x.png
says 'holds 600 images; write them with -O DIR, as --format idx, or choose one with --select'

# The grouping of images does not change what they decode to.
expect 0 pie-encode -m tiny "$testdata/digit-1.png" -o one.pie
expect 0 pie-decode one.pie -o one.pgm
expect 0 pie-decode set.pie --select 101 -o same.pgm
same one.pgm same.pgm

# Frames in a row count through.
cat set.pie one.pie set.pie >three.pie
expect 0 pie-decode -t three.pie
expect 0 pie-decode three.pie --select 599-601 -c
{ cat last.pgm one.pgm; pie-decode set.pie --select 0 -c; } | cmp - "$out" || fail "another selection"
head -c $(($(wc -c <set.pie) + $(wc -c <one.pie))) three.pie >two.pie
expect 0 pie-decode -t two.pie

# Cutting needs no model, and is what encoding fewer layers gives.
expect 0 pie-decode -tt set.pie one.pie
for k in 1 3; do
  expect 0 pie-encode -m tiny --layers $k "$testdata/digit-1.png" -o encoded-$k.pie
  expect 0 env PIE_MODEL_PATH= "$tools/pie-encode" --layers $k one.pie -o cut-$k.pie
  same encoded-$k.pie cut-$k.pie
done
expect 0 pie-encode --layers 5 one.pie -o cut-5.pie
same cut-5.pie one.pie
# Also behind a skippable frame.
{ printf '\x5f\x2a\x4d\x18\x03\0\0\0abc' && cat one.pie; } >behind.pie
expect 0 pie-encode --layers 1 behind.pie -o cut-behind.pie
same cut-behind.pie cut-1.pie
expect 2 pie-encode --layers 1 one.pie
says 'is an input of this command'
expect 2 pie-encode one.pie -O again
says 'is a code file already; give --layers K'
expect 0 pie-encode --layers 1 three.pie -o cut-three.pie
expect 0 pie-decode -l cut-three.pie
[ "$(grep -c '^  z' "$out")" = 3 ] && ! grep -q r_ "$out" || fail "not z alone in three frames"

# Latents out, as .npy, and in.
expect 0 pie-encode -m tiny "$digits" --latents z.npy
[ ! -e "$digits.pie" ] || fail "--latents alone wrote a code file"
expect 0 pie-encode -m tiny "$testdata/digit-0.png" "$testdata/digit-1.png" --latents two.npy -O codes
[ "$(ls codes)" = $'digit-0.png.pie\ndigit-1.png.pie' ] || fail "--latents with -O lost code files"
expect 1 pie-encode -m tiny "$testdata/digit-0.png" --latents two.npy
python <<'P'
import ast, struct
def load(name):
    data = open(name, "rb").read()
    assert data[:8] == b"\x93NUMPY\x01\x00"
    size = struct.unpack("<H", data[8:10])[0]
    header = ast.literal_eval(data[10:10 + size].decode())
    assert header["descr"] == "<f4" and not header["fortran_order"] and (10 + size) % 64 == 0
    rows, columns = header["shape"]
    values = struct.unpack(f"<{rows * columns}f", data[10 + size:])
    return [values[columns * i:columns * (i + 1)] for i in range(rows)]
z, two = load("z.npy"), load("two.npy")
assert len(z) == 100 and len(two) == 2 and len(z[0]) == 10
assert z[0] == two[0] and z[1] == two[1] and z[0] != z[1]
P
expect 1 pie-encode -m tiny missing.png "$testdata/digit-0.png" --latents rows.npy
says 'rows.npy: not written, because its rows would not be those of the images given'
expect 2 pie-encode -m tiny "$testdata/digit-0.png" "$testdata/photo-48x32.png" --latents rows.npy
[ ! -e rows.npy ] || fail "a matrix with missing rows was written"
expect 2 pie-decode -t -m tiny --latents z.npy
expect 2 pie-decode --latents z.npy -o z.idx
says '--latents needs the model with -m'
expect 0 pie-decode -m tiny --latents z.npy -o z.idx
expect 0 pie-encode -m tiny "$digits" --layers 1 --step 0.001 -o fine.pie
expect 0 pie-decode fine.pie -o fine.idx
difference=$(python3 "$here/images.py" difference z.idx fine.idx)
[ "$difference" -le 1 ] || fail "latents and z alone differ by $difference"
head -c 1000 z.npy >cut.npy
expect 3 pie-decode -m tiny --latents cut.npy -o cut.idx

# A set by the name that MNIST gives it, of however many images.
for part in '[0]' '[:3]'; do
  expect 0 pie-encode -f --coder floor "$digits$part" -o part.pie
  for name in part-idx3-ubyte part-images-idx3-ubyte.gz; do
    expect 0 pie-decode -f part.pie -o "$name"
    expect 0 pie-decode -f part.pie --format idx -o part.idx
    case $name in *.gz) gzip -dcf "$name" ;; *) cat "$name" ;; esac | cmp - part.idx || fail "$name is no IDX file"
  done
done
