// What the tests of images share: noise, gzip.
#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "lib/base/bytes.h"
#include "lib/base/error.h"
#include "lib/base/input.h"
#include "lib/base/random.h"
#include "lib/image/image.h"
#include "tests/support/test_folder.h"

namespace pie {

// An image of uniform noise.
inline Image noise_image(const Shape& shape, int bits = 8, std::uint64_t seed = 1) {
  Image image(shape, bits);
  const CounterRandom random(seed, 0);
  for (std::size_t i = 0; i < image.samples.size(); ++i) {
    image.samples[i] = static_cast<std::uint8_t>(random.bits(i) & 255);
  }
  return image;
}

// A set of images of uniform noise.
inline ImageSet noise_set(const Shape& shape, std::size_t count, std::uint64_t seed = 1) {
  ImageSet set(shape);
  for (std::size_t i = 0; i < count; ++i) set.append(noise_image(shape, 8, seed + i));
  return set;
}

// One gzip member.
inline Bytes gzip(const Bytes& bytes) {
  z_stream stream = {};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  Bytes out(deflateBound(&stream, static_cast<uLong>(bytes.size())) + 64);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Bytes as an input called "x".
inline Input in(const Bytes& bytes) { return Input(ByteSpan{bytes.data(), bytes.size()}, "x"); }

inline Bytes concatenate(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// The message of the `Expected` error that `call` throws.
template <typename Expected, typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Expected& error) {
    return error.what();
  } catch (const std::exception& error) {
    ADD_FAILURE() << "another error: " << error.what();
    return "";
  }
  ADD_FAILURE() << "no error";
  return "";
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// One level everywhere.
inline Image flat_image(const Shape& shape, int level) {
  Image image(shape);
  image.samples.assign(image.samples.size(), static_cast<std::uint8_t>(level));
  return image;
}

// Of any two samples in the same place.
inline int largest_difference(const Image& a, const Image& b) {
  EXPECT_EQ(a.shape, b.shape);
  int most = 0;
  for (std::size_t i = 0; i < a.samples.size(); ++i) {
    most = std::max(most, std::abs(a.samples[i] - b.samples[i]));
  }
  return most;
}

}  // namespace pie
