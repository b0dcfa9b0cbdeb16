"""Small images for tests, and how far apart two files are.

  images.py make FILE KIND WIDTH HEIGHT   a gradient; KIND is gray, gray16, gray-alpha, rgb or rgba;
                                          FILE ends in .png, or for gray in .pgm
  images.py split IDX FOLDER              the images of a plain or gzip IDX file as PNG files
  images.py difference A B                prints the largest difference of two files, byte by byte
"""
import gzip
import pathlib
import struct
import sys
import zlib

KINDS = {"gray": (0, 8, 1), "gray16": (0, 16, 2), "gray-alpha": (4, 8, 2), "rgb": (2, 8, 3),
         "rgba": (6, 8, 4)}


def save_png(path, kind, width, height, samples):
    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    colour, bits, bytes_per_pixel = KINDS[kind]
    stride = width * bytes_per_pixel
    rows = b"".join(b"\0" + samples[y * stride:(y + 1) * stride] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pathlib.Path(path).write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                                   chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def make(path, kind, width, height):
    samples = bytes((5 * x + 3 * y + 40 * c) % 256 for y in range(height) for x in range(width)
                    for c in range(KINDS[kind][2]))
    if path.endswith(".pgm"):
        pathlib.Path(path).write_bytes(b"P5\n%d %d\n255\n" % (width, height) + samples)
    else:
        save_png(path, kind, width, height, samples)


def split(path, folder):
    data = pathlib.Path(path).read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    _, count, height, width = struct.unpack(">IIII", data[:16])
    area = width * height
    for i in range(count):
        begin = 16 + i * area
        save_png(f"{folder}/{i:05}.png", "gray", width, height, data[begin:begin + area])


def difference(a, b):
    a, b = pathlib.Path(a).read_bytes(), pathlib.Path(b).read_bytes()
    if len(a) != len(b):
        sys.exit("the files have different lengths")
    print(max(abs(x - y) for x, y in zip(a, b)))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    elif sys.argv[1] == "split":
        split(*sys.argv[2:])
    else:
        difference(*sys.argv[2:])
