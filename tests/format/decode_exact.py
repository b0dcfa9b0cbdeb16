#!/usr/bin/python3
"""Decodes code files of exact PIEs; written from lib/container/FORMAT.md alone, slow and plain.

    decode_exact.py MODEL.safetensors CODE.pie [LAYERS] > IMAGES

Writes each image as a PGM or PPM, and the modes of all blocks to stderr. Numbers in comments are sections of FORMAT.md. Only the colours, and of those the
high bytes, are decoded. Needs Debian's python3-numpy, and the command `zstd` for blocks of mode 1.
"""
import sys, zlib
import numpy as np
from exact_block import Block, ceil_div, interpolated
from exact_coding import Reader
from exact_networks import Model


def frames(data):
    at = 0
    while at < len(data):
        magic = int.from_bytes(data[at:at + 4], "little")
        if 0x184D2A50 <= magic <= 0x184D2A5F:
            at += 8 + int.from_bytes(data[at + 4:at + 8], "little")
            continue
        frame = Frame(data[at:])
        yield frame
        at += frame.payload_at + frame.payload_length + frame.metadata_length


def power_of_two_up_to(most):
    return 1 << max(0, most.bit_length() - 1)


class Frame:
    def __init__(self, data):
        reader = Reader(data)
        assert reader.take(4) == b"\x89PIE" and reader.u8() == 1
        length = reader.varint()
        end = reader.at + length
        assert zlib.crc32(data[:end]) == int.from_bytes(data[end:end + 4], "little"), "wrong header CRC"
        flags = reader.varint()
        self.fingerprint = reader.take(8)
        self.width, self.height = reader.varint(), reader.varint()
        self.images = reader.varint() if flags & 1 else 1
        self.tile_width, self.tile_height = (reader.varint(), reader.varint()) if flags & 2 else (self.width, self.height)
        if not flags & 4:
            assert reader.varint() == 0, "of the float profile"
        self.total_layers = reader.varint() if flags & 128 else None
        self.metadata_length = reader.varint() if flags & 8 else 0
        self.channels, sixteen = (flags >> 4 & 3) + 1, flags >> 6 & 1
        pixels = self.tile_width * self.tile_height * self.channels
        self.tiles = ceil_div(self.width, self.tile_width) * ceil_div(self.height, self.tile_height)
        self.items = self.images * self.tiles
        self.in_block = min(512, power_of_two_up_to(2**19 // pixels))
        self.blocks = ceil_div(self.items, self.in_block)
        if flags & 4:
            group = power_of_two_up_to(self.in_block // self.tiles)
            for first in range(0, self.images, group):
                images = min(group, self.images - first)
                reader.take(2 if self.width * self.height * self.channels * images < 4096 else 8)
        self.table = []
        while reader.at < end:
            layer = []
            for b in range(self.blocks):
                v = reader.varint()
                mode, size = (0, v // 2) if v % 2 == 0 else (1 if v % 4 == 1 else 2, v // 4)
                crc = reader.u32()
                reader.take(1 if pixels * self.items_of(b) < 4096 else 4)
                layer.append((mode, size, crc))
            self.table.append(layer)
        assert reader.at == end
        self.payload_at = end + 4
        self.payload_length = sum(size for layer in self.table for _, size, _ in layer)
        self.data = data

    def items_of(self, block):
        return min(self.in_block, self.items - block * self.in_block)

    def block(self, layer, block):
        at = self.payload_at
        for l, entries in enumerate(self.table):
            for b, (mode, size, crc) in enumerate(entries):
                if (l, b) == (layer, block):
                    data = self.data[at:at + size]
                    assert zlib.crc32(data) == crc, "wrong block CRC"
                    return mode, data
                at += size


def coded_channels(image, model):
    """4.5: as many channels as the model has, or without the alpha channel that it has not."""
    colours = image - 1 if image % 2 == 0 else image
    return image if image == model else colours


def decoded_images(model, frame, layers):
    assert frame.fingerprint == model.fingerprint, "of another model"
    channels = coded_channels(frame.channels, model.channels)
    layers = min(layers or len(frame.table), len(frame.table))
    items = []
    for b in range(frame.blocks):
        block = Block(model, frame.items_of(b), frame.tile_height, frame.tile_width, channels,
                      [frame.block(l, b) for l in range(layers)])
        levels, scale = block.decode()
        items += [np.array([interpolated(c, scale, frame.tile_height, frame.tile_width) for c in item]) for item in levels]
    columns = ceil_div(frame.width, frame.tile_width)
    for first in range(0, len(items), frame.tiles):
        tiles = items[first:first + frame.tiles]
        rows = [np.concatenate(tiles[r:r + columns], 2) for r in range(0, frame.tiles, columns)]
        image = np.concatenate(rows, 1)[:, :frame.height, :frame.width]
        if channels >= 3:  # green comes first
            image = image[[1, 0] + list(range(2, channels))]
        yield image.astype(np.uint8)


def main():
    model, data = Model(sys.argv[1]), open(sys.argv[2], "rb").read()
    layers = int(sys.argv[3]) if len(sys.argv) > 3 else None
    for frame in frames(data):
        print("modes", *(mode for layer in frame.table for mode, _, _ in layer), file=sys.stderr)
        for image in decoded_images(model, frame, layers):
            colours = image[:3] if len(image) >= 3 else image[:1]
            kind = b"P6" if len(colours) == 3 else b"P5"
            sys.stdout.buffer.write(kind + b"\n%d %d\n255\n" % (image.shape[2], image.shape[1]) + colours.transpose(1, 2, 0).tobytes())


main()
