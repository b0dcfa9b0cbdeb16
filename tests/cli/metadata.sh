#!/usr/bin/env bash
# What a file says beside its samples - colours, orientation, text - is in the decoded PNG as it was.
. "$(dirname "$0")/helpers.sh"
train tiny
cat >chunks.py <<'P'
import pathlib, struct, sys, zlib

MAGIC = b"\x89PNG\r\n\x1a\n"

def read(path):
    data, at, chunks = pathlib.Path(path).read_bytes(), 8, []
    assert data[:8] == MAGIC, path
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        body = data[at + 8:at + 8 + size]
        assert struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0] == zlib.crc32(kind + body), kind
        chunks.append((kind, body))
        at += 12 + size
    return chunks

def write(path, chunks):
    pathlib.Path(path).write_bytes(MAGIC + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks))

def metadata(path):
    return [chunk for chunk in read(path) if chunk[0] not in (b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS")]
P
python "$testdata/digit-0.png" <<'P'
import sys, zlib
sys.path.insert(0, ".")
import chunks
plain = [c for c in chunks.read(sys.argv[1]) if c[0] in (b"IHDR", b"IDAT", b"IEND")]
before = [(b"gAMA", b"\0\0\xb1\x8f"), (b"cICP", bytes([9, 16, 0, 1])), (b"iCCP", b"p\0\0" + zlib.compress(bytes(500))),
          (b"pHYs", bytes([0, 0, 46, 35, 0, 0, 46, 35, 1])), (b"eXIf", b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\6\0\0\0\0\0\0"),
          (b"tEXt", b"Title\0x"), (b"zTXt", b"Long\0\0" + zlib.compress(b"y" * 9999)), (b"iTXt", b"T\0\0\0\0\0\xc3\xa9")]
chunks.write("rich.png", plain[:1] + before + plain[1:-1] + [(b"tIME", bytes([7, 230, 1, 2, 3, 4, 5]))] + plain[-1:])
chunks.write("moving.png", plain[:1] + [(b"acTL", bytes([0, 0, 0, 2, 0, 0, 0, 0]))] + plain[1:])
P
expect 0 pie-encode -m tiny rich.png
expect 0 pie-decode rich.png.pie -o back.png
expect 0 pie-encode -m tiny --strip rich.png -o bare.pie
expect 0 pie-decode bare.pie -o bare.png
expect 0 pie-decode rich.png.pie -o back.pgm
expect 0 pie-decode bare.pie -o bare.pgm
same back.pgm bare.pgm
python <<'P'
import sys
sys.path.insert(0, ".")
import chunks
assert sorted(chunks.metadata("rich.png")) == sorted(chunks.metadata("back.png")), chunks.metadata("back.png")
assert len(chunks.metadata("rich.png")) == 9 and chunks.metadata("bare.png") == []
P

# Not for archives; and an animation is never cut in silence.
expect 0 pie-encode -m tiny rich.png "$testdata/digit-1.png" -o all.pie
expect 0 pie-decode all.pie -O all
python <<'P'
import sys
sys.path.insert(0, ".")
import chunks
assert sorted(chunks.metadata("rich.png")) == sorted(chunks.metadata("all/rich.png")), chunks.metadata("all/rich.png")
P
expect 6 pie-encode -m tiny moving.png
says 'moving.png: warning: drops its animation'

# Damage there leaves the pixels intact: a warning, and the image without.
python <<'P'
data = bytearray(open("rich.png.pie", "rb").read())
data[-9] ^= 1
open("damaged.pie", "wb").write(data)
P
expect 6 pie-decode damaged.pie -o damaged.pgm
says '(metadata): checksum differs'
same damaged.pgm back.pgm
expect 3 pie-decode -t damaged.pie

# A bomb of compressed text is carried unopened.
python "$testdata/digit-0.png" <<'P'
import sys, zlib
sys.path.insert(0, ".")
import chunks
plain = [c for c in chunks.read(sys.argv[1]) if c[0] in (b"IHDR", b"IDAT", b"IEND")]
bomb = (b"zTXt", b"b\0\0" + zlib.compress(bytes(60 << 20), 9))
chunks.write("bomb.png", plain[:1] + [bomb] * 60 + plain[1:])
P
limit=2000000
[ -z "${PIE_SANITIZE-}" ] || limit=unlimited
expect 0 bash -c 'ulimit -v "$2"; exec timeout 60 "$1/pie-encode" -T 1 -m tiny bomb.png' - "$tools" "$limit"
expect 0 pie-decode bomb.png.pie -o bomb2.png
