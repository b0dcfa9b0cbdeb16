#!/usr/bin/env bash
# Damaged and cut code files: never a wrong image, never a crash.
. "$(dirname "$0")/helpers.sh"
train tiny
expect 0 pie-train --preset pie-exact-mnist --set 'networks=[{"hidden":8,"first_blocks":0,"phase_blocks":0}]' --batch 8 \
  --lr 0.02 --steps 50 --data "$digits" -o "$scratch/models/int.safetensors"
expect 0 pie-encode -m tiny "$testdata/digit-0.png" -o full.pie
expect 0 pie-encode --coder model -m int "$testdata/digit-0.png" -o int.pie
expect 0 pie-encode --layers 1 full.pie -o z.pie
expect 0 pie-encode --layers 1 -m tiny "$digits" -o set.pie

# One bit flipped in every byte of a file with z only and of a lossless one, and in every fifth of
# one with all real-valued layers; each cut short at the same places. All in one process: each file
# must be named, and none decoded.
mkdir bad
python <<'P'
import random
random.seed(1)
for name, stride in ("z", 1), ("int", 1), ("full", 5):
    data = open(f"{name}.pie", "rb").read()
    for at in range(0, len(data), stride):
        flipped = bytearray(data)
        flipped[at] ^= 1 << random.randrange(8)
        open(f"bad/{name}-flip-{at}.pie", "wb").write(flipped)
        open(f"bad/{name}-cut-{at}.pie", "wb").write(data[:at])
P
expect 3 pie-decode -O out bad/*
for file in bad/*; do says "pie-decode: $file: "; done
[ -z "$(ls -A out)" ] || fail "decoded: $(ls out)"
expect 3 pie-decode -t bad/*
for file in bad/*; do says "pie-decode: $file: "; done
expect 3 pie-decode -tt bad/*
for file in bad/*; do says "pie-decode: $file: "; done

# Checksums that are right over other symbols, a newer version, and something behind the frame.
python <<'P'
import struct, zlib
data = open("set.pie", "rb").read()
length = data[5]
assert length < 128
header, payload = data[:6 + length], bytearray(data[10 + length:])
seal = lambda h, p: h + struct.pack("<I", zlib.crc32(h)) + p
assert seal(header, payload) == data
old = struct.pack("<I", zlib.crc32(payload))
assert header.count(old) == 1
payload[300] ^= 4
new = struct.pack("<I", zlib.crc32(payload))
open("symbols.pie", "wb").write(seal(header.replace(old, new), payload))
open("newer.pie", "wb").write(seal(header[:4] + b"\x02" + header[5:], data[10 + length:]))
open("behind.pie", "wb").write(data + b"junk")
P
expect 0 pie-decode -t symbols.pie
expect 5 pie-decode -tt symbols.pie
expect 4 pie-decode -t newer.pie
expect 3 pie-decode -t behind.pie
expect 5 pie-decode -O out newer.pie behind.pie symbols.pie full.pie
[ "$(ls out)" = full.png ] || fail "decoded: $(ls out)"

# Metadata behind the layers: what must be understood and is not known is refused by every way of reading;
# what may be ignored is, with a warning where it is damaged.
python <<'P'
import struct, zlib
data = open("int.pie", "rb").read()
length = data[5]
fields = bytearray(data[6:6 + length])
assert fields[0] == 4 and length < 110  # lossless, nothing else; flags, fingerprint, width and height come first
def with_chunk(kind, damage=0):
    chunk = kind + b"\x02hi"
    chunk += struct.pack("<I", zlib.crc32(chunk) ^ damage)
    body = bytes([fields[0] | 8]) + bytes(fields[1:11]) + bytes([len(chunk)]) + bytes(fields[11:])
    header = data[:5] + bytes([len(body)]) + body
    return header + struct.pack("<I", zlib.crc32(header)) + data[10 + length:] + chunk
open("critical.pie", "wb").write(with_chunk(b"NeED"))
open("damaged-critical.pie", "wb").write(with_chunk(b"NeED", 1))
open("optional.pie", "wb").write(with_chunk(b"teXt"))
open("damaged-optional.pie", "wb").write(with_chunk(b"teXt", 1))
P
expect 0 pie-decode int.pie -o int.png
for options in '-c' '-t' '-tt' '-l' '--breakpoints' '--layers 1 -c' '--select 0 -c'; do
  expect 4 pie-decode $options critical.pie
  says 'unknown metadata chunk NeED'
  expect 3 pie-decode $options damaged-critical.pie
  expect 0 pie-decode $options optional.pie
done
expect 4 pie-encode --layers 1 critical.pie -o x.pie
expect 0 pie-decode optional.pie -o optional.png
same optional.png int.png
expect 6 pie-decode damaged-optional.pie -o damaged-optional.png
says 'damaged-optional.pie: warning: damaged at byte'
same damaged-optional.png int.png
expect 3 pie-decode -t damaged-optional.pie
expect 6 pie-decode -l damaged-optional.pie
expect 6 pie-decode --breakpoints damaged-optional.pie

# A file cut inside its fourth layer.
cut_at() { pie-decode --breakpoints full.pie | sed -n "$1p" | cut -f 2; }
head -c $(($(cut_at 3) + 20)) full.pie >cut.pie
expect 3 pie-decode cut.pie
says 'truncated in layer r_2; layers z, r_4, r_3 are whole: use --layers 3 or --allow-partial'
expect 3 pie-decode --layers 4 cut.pie
expect 6 pie-decode -l cut.pie
grep -qF ", $(wc -c <cut.pie) of $(wc -c <full.pie) B (" "$out" || fail "-l says of a cut file: $(cat "$out")"
cp full.pie $'a\e[2Jb.pie'
expect 0 pie-decode -l $'a\e[2Jb.pie'
grep -qF 'a?[2Jb.pie: 1 image 28x28x1, 8 bits, lossy, step ' "$out" || fail "-l says: $(cat "$out")"
expect 6 pie-decode --allow-partial cut.pie
expect 6 pie-decode -tt --allow-partial cut.pie
expect 0 pie-decode --layers 3 cut.pie -o three.png
same three.png cut.png

# Cut at each breakpoint, the layers up to it give what they give in the whole file.
mkdir parts
for k in 1 2 3 4 5; do
  head -c "$(cut_at $k)" full.pie >part.pie
  expect 0 pie-decode -f --layers $k -O parts full.pie part.pie
  same parts/full.png parts/part.png
done
same part.pie full.pie

# Two frames, cut inside the second one's header or z: nothing is left out in silence.
size=$(wc -c <full.pie)
expect 0 pie-decode -f full.pie -o whole.png
cat full.pie full.pie >two.pie
for length in $((size + 6)) $((size + 60)); do
  head -c $length two.pie >cut.pie
  expect 3 pie-decode --layers 1 -f cut.pie -o cut.png
  expect 3 pie-decode -tt --layers 1 cut.pie
  expect 3 pie-encode --layers 1 cut.pie -o small.pie
  expect 6 pie-decode --allow-partial -f cut.pie -O rescued
  same rescued/cut.png whole.png
  [ "$(ls rescued)" = cut.png ] || fail "rescued: $(ls rescued)"
done
