// .npy files as NumPy writes them, and nothing else.
#include "lib/codec/npy.h"

#include "lib/base/bytes.h"
#include "tests/image/image_test_files.h"
#include "tests/support/tensors.h"

namespace pie {
namespace {

Bytes npy(const std::string& header, const Bytes& data, uint8_t major = 1) {
  ByteWriter out;
  out.raw("\x93NUMPY", 6);
  out.u8(major);
  out.u8(0);
  if (major == 1) {
    out.u16(static_cast<uint16_t>(header.size()));
  } else {
    out.u32(static_cast<uint32_t>(header.size()));
  }
  out.raw(header.data(), header.size());
  out.raw(data);
  return out.take();
}

std::string header(const std::string& shape, const std::string& type = "<f4",
                   const std::string& fortran = "False") {
  return "{'descr': '" + type + "', 'fortran_order': " + fortran + ", 'shape': (" + shape +
         "), }\n";
}

torch::Tensor read(const Bytes& bytes) {
  return read_npy(Input({bytes.data(), bytes.size()}, "x"));
}

TEST(Npy, RoundTripKeepsEveryBit) {
  for (const int64_t columns : {1, 10, 12345}) {
    const auto matrix = normal_tensor({3, columns}, 1, torch::kFloat32);
    const auto bytes = write_npy(matrix);
    EXPECT_TRUE(torch::equal(read(bytes), matrix));
    EXPECT_EQ(write_npy(matrix), bytes);
    const size_t payload = static_cast<size_t>(matrix.numel()) * sizeof(float);
    EXPECT_EQ((bytes.size() - payload) % 64, 0u);
    EXPECT_EQ(bytes[bytes.size() - payload - 1], '\n');
  }
  const auto transposed = normal_tensor({4, 3}, 2, torch::kFloat32).t();
  EXPECT_TRUE(torch::equal(read(write_npy(transposed)), transposed));
}

TEST(Npy, WhatNumpyWritesIsRead) {
  const auto values = torch::tensor({1.0, -2.5, 3.0, 4.0, 5.0, 6.0}, torch::kFloat64);
  const auto* data = reinterpret_cast<const uint8_t*>(values.data_ptr<double>());
  const Bytes doubles(data, data + 48);
  const auto expected = values.to(torch::kFloat32).view({2, 3});
  EXPECT_TRUE(torch::equal(read(npy(header("2, 3", "<f8"), doubles)), expected));
  EXPECT_TRUE(torch::equal(read(npy(header("2, 3", "<f8"), doubles, 2)), expected));
}

TEST(Npy, AnythingElseIsRefused) {
  const Bytes data(24, 0);
  EXPECT_NO_THROW(read(npy(header("2, 3"), data)));
  for (const auto& text : {header("3, 3"),
                           header("2, 2"),
                           header("6,"),
                           header("6"),
                           header("1, 2, 3"),
                           header(""),
                           header("0, 3"),
                           header("0, 0"),
                           header("-2, -3"),
                           header("2, 3", ">f4"),
                           header("2, 3", "<i4"),
                           header("2, 3", "|O"),
                           header("3, 2", "<f4", "True"),
                           std::string(),
                           header("4611686018427387904, 4"),
                           header("999999999999, 999999999999"),
                           header("2305843009213693952, 8"),
                           header("99999999999999999999999, 1"),
                           std::string("(2, 3)"),
                           std::string(60000, ' ')}) {
    EXPECT_THROW(read(npy(text, data)), DamagedError) << text;
  }
  EXPECT_THROW(read(npy(header("2, 3"), Bytes(25, 0))), DamagedError);
  EXPECT_THROW(read(Bytes{}), DamagedError);
  EXPECT_THROW(read(Bytes(1000, 0x93)), DamagedError);
  const auto bad = torch::tensor({{1.0F, NAN}});
  EXPECT_THROW(read(write_npy(bad)), DamagedError);
}

TEST(Npy, EveryCutIsNoticed) {
  const auto bytes = write_npy(normal_tensor({2, 3}, 3, torch::kFloat32));
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_THROW(read(cut), DamagedError) << size;
  }
}

// Pattern matching that calls itself for each character would run out of stack.
TEST(Npy, LongHeadersAreRefused) {
  const std::string spaces(4'000'000, ' ');
  EXPECT_THROW(read(npy("{'shape':" + spaces + "(1, 1)}", Bytes(4, 0), 2)), DamagedError);
  const std::string many(60'000, ' ');
  EXPECT_ANY_THROW(read(npy("{'shape':" + many + "<f4 False (1, 1", Bytes(4, 0))));
}

}  // namespace
}  // namespace pie
