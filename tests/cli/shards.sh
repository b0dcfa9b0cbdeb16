#!/usr/bin/env bash
# Parts of a job for commands that run side by side: together they do all of it, once.
. "$(dirname "$0")/helpers.sh"
train tiny
python "$digits" <<'P'
import gzip, pathlib, struct, sys
data = gzip.open(sys.argv[1]).read()
images = (data[16:] * 13)[:1300 * 784]
open("set-idx3-ubyte", "wb").write(struct.pack(">IIII", 0x803, 1300, 28, 28) + images)
folder = pathlib.Path("folder")
folder.mkdir()
for i in range(530):  # of more than a block, and one of another shape among them
    (folder / f"{i:04}.pgm").write_bytes(b"P5\n28 28\n255\n" + images[784 * i:784 * (i + 1)])
(folder / "0526.pgm").write_bytes(b"P5\n2 2\n255\n1234")
P

# Parts of an archive are the whole when they are joined, in any model's code.
for model in tiny pie-exact-mnist; do
  for input in set-idx3-ubyte folder; do
    expect 0 pie-encode -m $model $input -o whole.pie
    for parts in 2 5; do
      for ((i = 1; i <= parts; ++i)); do
        expect 0 pie-encode -m $model --shard $i/$parts $input -o "part-$i.pie"
      done
      expect 0 pie-encode part-*.pie -o joined.pie
      same whole.pie joined.pie
      rm part-*.pie joined.pie
    done
    rm whole.pie
  done
done

# Side by side, as GNU parallel or a Slurm array start them: every file once.
for i in 1 2 3; do
  pie-encode -q -m tiny -r folder -O codes --shard $i/3 &
done
wait
[ "$(find codes -name '*.pie' | wc -l)" = 530 ] || fail "$(find codes -name '*.pie' | wc -l) files"
for i in 1 2 3; do
  expect 0 pie-decode -q -r codes -O back --shard $i/3
done
[ "$(find back -type f | wc -l)" = 530 ] || fail "$(find back -type f | wc -l) files came back"

# A part of an archive's images: what --select would take.
expect 0 pie-encode -m pie-exact-mnist set-idx3-ubyte -o set.pie
for i in 1 2 3; do
  expect 0 pie-decode set.pie --shard $i/3 --format pgm -c
  cat "$out" >>all.pgm
done
expect 0 pie-decode set.pie --format pgm -c
same all.pgm "$out"

# Other code files follow each other, and what is not whole is not joined.
expect 0 pie-encode "$testdata/photo-48x32.png" -o photo.pie
expect 0 pie-encode set.pie photo.pie set.pie -o three.pie
cat set.pie photo.pie set.pie | cmp - three.pie || fail "other bytes"
head -c 2000 set.pie >cut.pie
expect 3 pie-encode set.pie cut.pie -o x.pie
says 'cut.pie: '
python <<'P'
data = bytearray(open("set.pie", "rb").read())
data[-5] ^= 1
open("flipped.pie", "wb").write(data)
P
expect 3 pie-encode set.pie flipped.pie -o x.pie
[ ! -e x.pie ] || fail "something was written"
says 'flipped.pie: '
expect 1 pie-encode set.pie none.pie -o x.pie
says 'none.pie: no such file'
expect 2 pie-encode set.pie photo.pie -o set.pie
expect 0 pie-encode set.pie -o copy.pie
same copy.pie set.pie
expect 0 pie-encode set.pie photo.pie -c
cat set.pie photo.pie | cmp - "$out" || fail "other bytes"
expect 2 pie-encode --rm --shard 1/2 folder -o x.pie
expect 2 pie-encode --shard 1/2 set-idx3-ubyte -O codes
says 'a part of one archive needs a name of its own'
expect 2 pie-decode --shard 1/2 set.pie -O codes
says 'a part of one archive needs a name of its own'
expect 2 pie-encode set.pie "$testdata/digit-0.png" -o x.pie
for wrong in 0/3 4/3 1 a/b -1/3 1/0; do
  expect 2 pie-encode --shard=$wrong "$testdata/digit-0.png" -o x.pie
done
# More parts than there are: some have nothing to do.
expect 0 pie-encode -m tiny --shard 1/2 "$digits" -o nothing.pie
says 'nothing is in part 1 of 2'
[ ! -e nothing.pie ] || fail "something was written"
expect 0 pie-encode -m tiny --shard 1/2 "$digits" --latents nothing.npy
[ ! -e nothing.npy ] || fail "something was written"

# Figures of parts, weighted by their images, are those of the whole.
for part in 1/1 1/3 2/3 3/3; do
  expect 0 flow-eval -m tiny --metrics reconstruction,sharpness --shard $part "$digits" --json
  cp "$out" "figures-${part/\//-}.json"
  expect 0 flow-eval --shard $part "$digits" --json
  cp "$out" "sharpness-${part/\//-}.json"
done
python <<'P'
import json
def figure(name, part, keys):
    value = json.load(open(f"{name}-{part}.json"))
    images = value["data"]["images"]
    for key in keys: value = value[key]
    return images, value
for name, keys in (
    ("figures", ("reconstruction", "psnr_db_mean_of_images")), ("figures", ("reconstruction", "ssim")),
    ("figures", ("sharpness", "data")), ("sharpness", ("sharpness", "data"))):
    images, whole = figure(name, "1-1", keys)
    parts = [figure(name, f"{i}-3", keys) for i in (1, 2, 3)]
    assert sum(n for n, _ in parts) == images and len({n for n, _ in parts}) == 2, parts
    mean = sum(n * value for n, value in parts) / images
    assert abs(mean - whole) < 1e-6 * abs(whole), (name, keys, mean, whole)
P
expect 2 flow-eval --shard 1/101 "$digits[:100]"
says 'part 1 of 101 holds none of the 100 images'
expect 2 flow-eval --shard 1/2 --features tiny --images "$digits" "$digits"

# Metadata that together is more than an archive keeps stays in two frames.
python <<'P'
import pathlib, struct, zlib, os
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
folder = pathlib.Path("texts")
folder.mkdir()
for i in range(516):
    text = b"Comment\0" + os.urandom(15000 if i < 512 else 200000).hex().encode()
    (folder / f"{i:04}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 8, 0, 0, 0, 0)) +
        chunk(b"tEXt", text) + chunk(b"IDAT", zlib.compress(bytes(6))) + chunk(b"IEND", b""))
P
for i in 1 2; do expect 0 pie-encode --coder floor texts --shard $i/2 -o "texts-$i.pie"; done
expect 0 pie-encode texts-1.pie texts-2.pie -o texts.pie
cat texts-1.pie texts-2.pie | cmp - texts.pie || fail "other bytes"
expect 0 pie-decode -tt texts.pie
expect 0 pie-decode -l texts.pie
[ "$(grep -c 'file.*png tEXt' "$out")" = 516 ] || fail "names or texts are lost"
