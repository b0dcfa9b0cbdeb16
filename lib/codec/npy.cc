#include "lib/codec/npy.h"

#include <cstring>
#include <regex>

#include "lib/base/bytes.h"
#include "lib/base/error.h"

namespace pie {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicSize = sizeof kMagic - 1;
constexpr uint32_t kMaxHeaderBytes = 4096;

}  // namespace

Bytes write_npy(const torch::Tensor& matrix) {
  const auto data = matrix.detach().to(torch::kFloat32).contiguous();
  std::string header = "{'descr': '<f4', 'fortran_order': False, 'shape': (" +
                       std::to_string(data.size(0)) + ", " + std::to_string(data.size(1)) + "), }";
  // The data starts at a multiple of 64 bytes, as NumPy writes it.
  const size_t prefix = kMagicSize + 4;
  header.append(63 - (prefix + header.size()) % 64, ' ');
  header += '\n';
  ByteWriter out;
  out.raw(kMagic, kMagicSize);
  out.u8(1);
  out.u8(0);
  out.u16(static_cast<uint16_t>(header.size()));
  out.raw(header.data(), header.size());
  out.raw(data.data_ptr<float>(), static_cast<size_t>(data.numel()) * sizeof(float));
  return out.take();
}

torch::Tensor read_npy(const Input& file) {
  const auto damaged = [&](const std::string& cause) {
    return DamagedError(file.name() + ": " + cause + "; expected a .npy matrix of float32 [N, d]");
  };
  const Bytes start = file.beginning(kMagicSize + 6 + kMaxHeaderBytes);
  ByteReader reader(start.data(), start.size());
  if (start.size() < kMagicSize + 4 || std::memcmp(start.data(), kMagic, kMagicSize) != 0) {
    throw damaged("not a .npy file");
  }
  reader.raw(kMagicSize);
  const int major = reader.u8();
  reader.u8();
  const uint32_t header_size = major == 1 ? reader.u16() : reader.u32();
  // NumPy's take 118 bytes; the regular expression below needs stack for each character.
  if (header_size > kMaxHeaderBytes) throw damaged("its header is too long");
  const auto header = reader.raw(header_size);
  const std::string text(reinterpret_cast<const char*>(header.data), header.size);
  std::smatch match;
  const std::regex shape(R"('shape':\s*\((\d{1,12}),\s*(\d{1,12}),?\s*\))");
  const bool wide = text.find("'<f8'") != std::string::npos;
  if (!std::regex_search(text, match, shape) || text.find("False") == std::string::npos ||
      (!wide && text.find("'<f4'") == std::string::npos)) {
    throw damaged("its type, order or shape is another");
  }
  const uint64_t rows = std::stoull(match[1]), columns = std::stoull(match[2]);
  const uint64_t width = wide ? sizeof(double) : sizeof(float);
  const uint64_t size = file.size() - reader.position();
  // Division, because the product of two hostile numbers wraps around.
  if (rows == 0 || columns == 0 || size % (width * columns) != 0 ||
      size / (width * columns) != rows) {
    throw damaged("its shape does not fit its size");
  }
  auto matrix = torch::empty({static_cast<int64_t>(rows), static_cast<int64_t>(columns)},
                             wide ? torch::kFloat64 : torch::kFloat32);
  const Bytes payload = file.read(reader.position(), size);
  if (payload.size() != size) throw damaged("it was cut while it was read");
  std::memcpy(matrix.data_ptr(), payload.data(), payload.size());
  matrix = matrix.to(torch::kFloat32);
  if (!torch::isfinite(matrix).all().item<bool>())
    throw damaged("it has values that are not finite");
  return matrix;
}

}  // namespace pie
