// Loops over the numbers of a tensor, whatever their type.
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <cstring>

namespace pie {

// Elements of one kind of number, read and written as `Wide` (float, or double for double). The
// bfloat16 conversions are written out because c10's test for NaN keeps loops from vectorising.
template <typename T>
struct Element {
  using Wide = T;
  static Wide load(const T& v) { return v; }
  static void store(T& to, Wide v) { to = v; }
};

template <>
struct Element<at::BFloat16> {
  using Wide = float;
  static Wide load(const at::BFloat16& v) {
    const uint32_t bits = static_cast<uint32_t>(v.x) << 16;
    float out;
    std::memcpy(&out, &bits, sizeof out);
    return out;
  }
  // Round to nearest, ties to even. A NaN stays a NaN except for payloads that carry into the sign,
  // which no arithmetic produces.
  static void store(at::BFloat16& to, float v) {
    uint32_t bits;
    std::memcpy(&bits, &v, sizeof bits);
    bits += 0x7fffU + ((bits >> 16) & 1U);
    to.x = static_cast<uint16_t>(bits >> 16);
  }
};

// The dtype of `Wide`, in which elements of `t` are summed.
inline torch::ScalarType wide_dtype(const torch::Tensor& t) {
  return t.scalar_type() == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
}

// Calls fn with a value of the C++ type of `dtype` (float, double or at::BFloat16).
template <typename Fn>
void dispatch_element(torch::ScalarType dtype, const Fn& fn) {
  switch (dtype) {
    case torch::kFloat32:
      return fn(float{});
    case torch::kFloat64:
      return fn(double{});
    case torch::kBFloat16:
      return fn(at::BFloat16{});
    default:
      TORCH_CHECK(false, "numbers are float32, float64 or bfloat16 here, not ", dtype);
  }
}

}  // namespace pie
