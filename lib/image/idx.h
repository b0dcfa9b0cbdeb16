// IDX files, the format of MNIST and its relatives: images and labels, plain or gzip-compressed.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "lib/image/archive.h"

namespace pie {

// True if the input begins like an IDX file, plain or inside gzip; its name plays no part. Throws
// what reading throws.
bool is_idx(const Input& input);

// Opens an IDX file of bytes with the dimensions N, H, W (gray) or N, C, H, W with C in 1..4
// (planar). Throws TruncatedError if the header, or a file that is not compressed, ends early,
// DamagedError if it is no IDX file or has bytes left over, UnsupportedError if it is an IDX file
// of something else.
std::unique_ptr<Archive> open_idx_images(const Input& input);

// All images, and all labels of an IDX file of bytes with one dimension, N. Memory grows with the
// data that is there, whatever the header says. Throw like opening and Archive::read.
ImageSet read_idx_images(const Input& input);
Bytes read_idx_labels(const Input& input);

// The first bytes of an IDX file of `count` images: dimensions N, H, W if gray, else N, C, H, W.
// The planar images follow. Throws UsageError if they are too many.
Bytes idx_header(const Shape& shape, std::size_t count);

// An IDX file of images.
Bytes encode_idx_images(const ImageSet& images);

// The existing file that by MNIST's naming rule holds the labels of `path`: in the file's name the
// last "images" becomes "labels" and, behind it, "idx3" or "idx4" becomes "idx1"; the same ending
// is tried first, then with or without ".gz".
std::optional<std::string> sibling_labels(const std::string& path);

}  // namespace pie
