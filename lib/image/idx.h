// IDX files, the format of MNIST and its relatives: images and labels, plain or gzip-compressed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "lib/base/file.h"
#include "lib/image/image.h"

namespace pie {

// True if the bytes begin like an IDX file of bytes, plain or inside gzip. The beginning of a file
// (1 kB is plenty) suffices; the name of the file plays no part.
bool is_idx(const std::uint8_t* data, std::size_t size);

// The images of an IDX file of bytes with the dimensions N, H, W (gray) or N, C, H, W with C in
// 1..4 (planar). Memory grows with the data that is there, whatever the header says. Throws
// TruncatedError if the data ends early, DamagedError if it is no IDX file, is corrupt or has bytes
// left over, UnsupportedError if it is an IDX file of something else. `name` is for messages.
ImageSet decode_idx_images(const Bytes& file, const std::string& name);

// The labels of an IDX file of bytes with one dimension, N; throws like decode_idx_images.
Bytes decode_idx_labels(const Bytes& file, const std::string& name);

// The same from a path ("-" is stdin). Throws OperationError if it cannot be read.
ImageSet read_idx_images(const std::string& path);
Bytes read_idx_labels(const std::string& path);

// An IDX file of images: dimensions N, H, W if gray, else N, C, H, W.
Bytes encode_idx_images(const ImageSet& images);

// An IDX file of labels.
Bytes encode_idx_labels(const Bytes& labels);

// The existing file that by MNIST's naming rule holds the labels of `path`: in the file's name the
// last "images" becomes "labels" and, behind it, "idx3" or "idx4" becomes "idx1"; the same ending
// is tried first, then with or without ".gz".
std::optional<std::string> sibling_labels(const std::string& path);

}  // namespace pie
