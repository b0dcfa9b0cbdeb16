#!/usr/bin/env bash
# A folder as one archive and back: names, folders, permissions, times, metadata, samples of any range.
. "$(dirname "$0")/helpers.sh"

mkdir -p "in/deep/er" "in/odd  names"
cp "$testdata/photo-48x32.png" in/photo.png
cp "$testdata"/digit-[01].png in/deep/
printf 'P4\n10 2\n\125\100\370\000' >in/deep/er/bits.pbm
printf 'P5\n2 2\n1023\n\000\001\001\377\003\377\002\000' >"in/odd  names/ten bits.pgm"
printf 'P6\n1 1\n100\n\000\062\144' >'in/odd  names/ä,1.ppm'
printf 'P7\nWIDTH 1\nHEIGHT 2\nDEPTH 2\nMAXVAL 1\nTUPLTYPE BLACKANDWHITE_ALPHA\nENDHDR\n\000\001\001\000' >in/two.pam
python <<'P'
import struct, zlib
# Digits of one size, each with words of its own, go into one frame.
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
for name in "ab":
    rows = b"".join(b"\0" + bytes((x * y + ord(name)) % 256 for x in range(8)) for y in range(8))
    open(f"in/{name}.png", "wb").write(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
        + chunk(b"tEXt", b"Title\0image " + name.encode()) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b""))
P
chmod 640 in/a.png
chmod 600 in/deep/er/bits.pbm
touch -d '2001-02-03 04:05:06.789' in/photo.png
touch -d '1960-01-01' in/b.png

expect 0 pie-encode in -r -o all.pie
says 'all.pie: 9 images'
expect 0 pie-decode -tt all.pie
expect 0 pie-decode all.pie -O out
(cd in && find . -type f | sort) >listed
(cd out && find . -type f | sort) | diff listed - || fail "other files"
attributes() { (cd "$1" && find . -type f -printf '%p %m %T@\n' | sort); }
diff <(attributes in) <(attributes out) || fail "other permissions or times"
# Netpbm files of any range come back byte for byte.
(cd in && find . -name '*.p?m') | while read -r file; do same "in/$file" "out/$file"; done
for name in a b; do
  grep -qa "image $name" "out/$name.png" || fail "the words of $name.png are lost"
  expect 0 pie-decode -c --select "$name.png" --format pgm all.pie
  pie-encode -q -c "in/$name.png" | pie-decode -q -c | cmp - "$out" || fail "other samples of $name"
done

expect 0 pie-decode -l all.pie
prints 'file	odd  names/ten bits.pgm maXv'
prints 'file	deep/digit-0.png'
expect 0 pie-decode --select 'deep/*,photo.png' -O some all.pie
[ "$(cd some && find . -type f | wc -l)" = 4 ] || fail "selected $(find some -type f)"
expect 2 pie-decode --select 'no*such' -O none all.pie
says 'names of images in the file'
expect 0 pie-decode --format png -O pngs all.pie
[ -e 'pngs/odd  names/ten bits.png' ] || fail "no PNG: $(find pngs)"
# White is white in a PNG file, and the range is still known.
expect 0 pie-encode 'pngs/odd  names/ten bits.png' -o ten.pie
expect 0 pie-decode ten.pie -o ten.pgm
same ten.pgm 'in/odd  names/ten bits.pgm'

# Names as they are given, and nothing above this folder.
expect 0 pie-encode ./in/deep/../a.png "$PWD/in/b.png" ../*/in/photo.png -o given.pie
expect 0 pie-decode -l given.pie
prints 'file	in/a.png'
prints "file	${PWD#/}/in/b.png"
! grep -q '\.\.' "$out" || fail "a name leads out"

# Samples alone, names all the same; an archive inside an archive has numbers.
expect 0 pie-encode --strip in/a.png in/b.png "$digits[:2]" -o strip.pie
expect 0 pie-decode strip.pie -O stripped
[ "$(cd stripped && find . -type f | sort | tr '\n' ' ')" = './in/a.png ./in/b.png ./strip-00002.png ./strip-00003.png ' ] ||
  fail "other files: $(find stripped)"
! grep -qa Title stripped/in/a.png || fail "words in spite of --strip"

# What cannot go under its own name goes under another, and nothing is lost.
mkdir same
cp in/photo.png same/x.pgm # told by content
cp in/a.png same/same.png
cp in/b.png "$(printf 'same/n\nl.png')"
expect 6 pie-encode same -o same.pie
says 'its name is not kept'
expect 0 pie-decode same.pie -O unsame
[ "$(cd unsame && find . -type f | wc -l)" = 3 ] || fail "other files: $(find unsame)"
same unsame/x.pgm.png out/photo.png
expect 0 pie-decode --format png same.pie -O pngs2
expect 0 pie-encode in/a.png in/a.png -o twice.pie
expect 6 pie-decode twice.pie -O twice
says 'has two images called in/a.png; the second is twice/twice-00001.png'
expect 0 pie-encode in/deep in/photo.png - -o mixed.pie <in/b.png
expect 0 pie-decode mixed.pie -O unmixed
[ -e unmixed/mixed-00003.png ] && [ -e unmixed/in/deep/digit-0.png ] || fail "other files: $(find unmixed)"
python <<'P'
import struct, zlib
def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
# A range that does not fit the samples is not believed.
rows = b"".join(b"\0" + bytes(range(8 * y, 8 * y + 8)) for y in range(8))
open("maxv.png", "wb").write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    + chunk(b"maXv", b"\0\1") + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
P
expect 0 pie-encode maxv.png -o maxv.pie
expect 0 pie-decode maxv.pie -o maxv.pgm
starts_with maxv.pgm $'P5\n8 8\n255\n'

# Limits.
expect 4 pie-encode --max-pixels 783 "$digits" -o x.pie
expect 4 pie-encode --max-pixels 63 in/a.png -o x.pie
says 'the limit is 63 in all; --max-pixels allows more'
expect 0 pie-encode --max-pixels 64 in/a.png -o x.pie
expect 4 pie-decode --max-pixels 63 x.pie -o x.png
says '--max-pixels allows more'
expect 2 pie-decode --max-memory lots x.pie -o x.png
says 'needs a size'
expect 2 pie-decode --max-memory 0 x.pie -o x.png
expect 0 pie-decode -l --max-memory 100M x.pie
{ printf 'P5\n3000 3000\n255\n'; head -c 9000000 /dev/zero; } >large.pgm
expect 1 pie-encode --max-memory 1M --coder floor --effort 1 large.pgm -o y.pie
says 'out of memory'
[ ! -e y.pie ] || fail "a partial file"
expect 0 pie-encode --max-memory 4G in/photo.png -o y.pie

# TIFF and WebP.
python <<'P'
import struct
def tiff(path, big):
    order = ">" if big else "<"
    samples = bytes(range(12))
    tags = [(256, 3, 2), (257, 3, 2), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 8), (274, 3, 6),
            (277, 3, 3), (278, 3, 2), (279, 4, 12)]
    def entry(tag, kind, value):
        packed = struct.pack(order + "H", value) + b"\0\0" if kind == 3 else struct.pack(order + "I", value)
        return struct.pack(order + "HHI", tag, kind, 1) + packed
    directory = struct.pack(order + "H", len(tags)) + b"".join(entry(*t) for t in tags) + bytes(4)
    head = (b"MM\0*" if big else b"II*\0") + struct.pack(order + "I", 20)
    open(path, "wb").write(head + samples + directory)
tiff("little.tif", False)
tiff("big.tiff", True)
P
for file in little.tif big.tiff; do
  expect 0 pie-encode -f "$file" -o t.pie
  expect 0 pie-decode -c t.pie
  { printf 'P6\n2 2\n255\n'; printf '\0\1\2\3\4\5\6\7\10\11\12\13'; } | cmp - "$out" || fail "other samples of $file"
  expect 0 pie-decode -l t.pie
  prints 'metadata	eXIf'
  # It comes back as a TIFF file of its own name, with its orientation.
  expect 0 pie-encode -f "$file" -o "$file.pie"
  expect 0 pie-decode -O tiffs "$file.pie"
  expect 0 pie-encode -f "tiffs/$file" -o t.pie
  expect 0 pie-decode -l t.pie
  prints 'metadata	eXIf'
  expect 0 pie-decode -c t.pie
  printf '\0\1\2\3\4\5\6\7\10\11\12\13' | cmp - <(tail -c 12 "$out") || fail "other samples of tiffs/$file"
done
