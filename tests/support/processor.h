// What tests ask of the processor.
#pragma once

namespace pie {

// Whether LibTorch's bfloat16 products are dependable here.
inline bool has_bfloat16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

}  // namespace pie
