// The kernels of exact PIEs against the processor's 8-bit peak, against oneDNN's u8 x s8 -> s32,
// and against what the first generation computed with: bfloat16 and float32 convolutions of
// LibTorch. One thread; all in one run, in turns, the best of several.
//
//   bench_exact_kernels [CHANNELS]
#include <ATen/Parallel.h>
#include <torch/torch.h>
#ifdef PIE_WITH_ONEDNN
#include <dnnl.hpp>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "lib/base/random.h"
#include "lib/exact/exact_convolution.h"

namespace {

constexpr std::int64_t kHeight = 256, kWidth = 384;  // cells of a photograph of 768x512
constexpr int kRounds = 7;

struct Contender {
  std::string name;
  double products;  // of one call
  std::function<void()> work;
  double best = 0;  // products a second
};

double seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

#if defined(__x86_64__)
// Products and sums of registers alone, as many independent ones as hide their latency.
constexpr int kSteps = 2000000, kChains = 8;

__attribute__((target("avx2"))) void avx2_peak() {
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i x = _mm256_set1_epi8(3);
  const __m256i w = _mm256_set1_epi8(5);
  __m256i sums[kChains] = {};
  for (int i = 0; i < kSteps; ++i) {
    for (auto& sum : sums) {
      sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(x, w), ones));
      asm volatile("" : "+x"(x));  // not known to the compiler
    }
  }
  for (auto& sum : sums) asm volatile("" : "+x"(sum));
}

__attribute__((target("avx512f,avx512vnni"))) void vnni_peak() {
  __m512i x = _mm512_set1_epi32(0x03030303);
  const __m512i w = _mm512_set1_epi32(0x05050505);
  __m512i sums[kChains] = {};
  for (int i = 0; i < kSteps; ++i) {
    for (auto& sum : sums) {
      sum = _mm512_dpbusd_epi32(sum, x, w);
      asm volatile("" : "+v"(x));
    }
  }
  for (auto& sum : sums) asm volatile("" : "+v"(sum));
}

void add_peaks(std::vector<Contender>& all) {
  constexpr double kCalls = double{kSteps} * kChains;
  if (__builtin_cpu_supports("avx512vnni") != 0) {
    all.push_back({"peak of vnni", kCalls * 64, vnni_peak});
  }
  if (__builtin_cpu_supports("avx2") != 0) all.push_back({"peak of avx2", kCalls * 32, avx2_peak});
}
#else
void add_peaks(std::vector<Contender>&) {}
#endif

double products_of(std::int64_t channels, std::int64_t kernel) {
  return static_cast<double>(kHeight * kWidth * channels * channels * kernel * kernel);
}

std::string name_of(const std::string& who, std::int64_t kernel) {
  return who + ", " + std::to_string(kernel) + "x" + std::to_string(kernel);
}

void add_own(std::int64_t channels, std::int64_t kernel, std::vector<Contender>& all) {
  const pie::CounterRandom random(1, 0);
  std::vector<std::int32_t> weights;
  for (std::uint64_t i = 0; i < static_cast<std::uint64_t>(channels * channels * kernel * kernel);
       ++i) {
    weights.push_back(static_cast<std::int32_t>(random.bits(i) % 31) - 15);
  }
  const auto layer = std::make_shared<pie::ExactConvolution>(
      channels, kernel, weights,
      std::vector<pie::ExactOutput>(static_cast<std::size_t>(channels), {500, 7, 0, 127}));
  const pie::CellGrid grid{1, kHeight, kWidth};
  const auto x = std::make_shared<pie::ActivationMap>(grid, channels),
             y = std::make_shared<pie::ActivationMap>(grid, channels);
  for (std::int64_t row = 0; row < kHeight; ++row) {
    for (std::int64_t i = 0; i < kWidth * x->stride(); ++i) {
      x->row(row)[i] = static_cast<std::uint8_t>(random.bits(static_cast<std::uint64_t>(i)) % 128);
    }
  }
  for (const auto& name : pie::exact_kernels()) {
    all.push_back({name_of(name, kernel), products_of(channels, kernel), [=] {
                     pie::use_exact_kernel(name);
                     layer->activations(*x, nullptr, *y, 0, kHeight);
                   }});
  }
}

void add_torch(std::int64_t channels, std::int64_t kernel, std::vector<Contender>& all) {
  for (const auto& [name, type] :
       {std::pair{"LibTorch float32", torch::kFloat32}, {"LibTorch bfloat16", torch::kBFloat16}}) {
    const auto x = torch::rand({1, channels, kHeight, kWidth})
                       .to(type)
                       .contiguous(torch::MemoryFormat::ChannelsLast);
    const auto w = torch::rand({channels, channels, kernel, kernel}).to(type);
    all.push_back({name_of(name, kernel), products_of(channels, kernel),
                   [=, pad = kernel / 2] { torch::conv2d(x, w, {}, 1, pad); }});
  }
}

#ifdef PIE_WITH_ONEDNN
// Bytes in the layout that the library prefers; sums of 32 bits and nothing behind them, where our
// kernels also make activations.
void add_onednn(std::int64_t channels, std::int64_t kernel, std::vector<Contender>& all) {
  using dnnl::memory;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto desc = [](const memory::dims& dims, memory::data_type type, memory::format_tag tag) {
    return memory::desc(dims, type, tag);
  };
  const auto pad = kernel / 2;
  const memory::dims image{1, channels, kHeight, kWidth},
      filter{channels, channels, kernel, kernel};
  const dnnl::convolution_forward::desc what(
      dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
      desc(image, memory::data_type::u8, memory::format_tag::nhwc),
      desc(filter, memory::data_type::s8, memory::format_tag::any),
      desc(image, memory::data_type::s32, memory::format_tag::nhwc), {1, 1}, {pad, pad},
      {pad, pad});
  const dnnl::convolution_forward::primitive_desc chosen(what, engine);
  const dnnl::convolution_forward convolution(chosen);
  const memory x(chosen.src_desc(), engine), w(chosen.weights_desc(), engine),
      y(chosen.dst_desc(), engine);
  std::fill_n(static_cast<std::uint8_t*>(x.get_data_handle()), chosen.src_desc().get_size(),
              std::uint8_t{3});
  std::fill_n(static_cast<std::int8_t*>(w.get_data_handle()), chosen.weights_desc().get_size(),
              std::int8_t{1});
  const dnnl::stream stream(engine);
  all.push_back({name_of(std::string("oneDNN u8 x s8 (") + chosen.impl_info_str() + ")", kernel),
                 products_of(channels, kernel), [=] {
                   auto in_order = stream;
                   convolution.execute(
                       in_order, {{DNNL_ARG_SRC, x}, {DNNL_ARG_WEIGHTS, w}, {DNNL_ARG_DST, y}});
                   in_order.wait();
                 }});
}
#else
void add_onednn(std::int64_t, std::int64_t, std::vector<Contender>&) {}
#endif

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t channels = argc > 1 ? std::atoi(argv[1]) : 48;
  at::set_num_threads(1);
  const torch::NoGradGuard no_grad;
  std::vector<Contender> all;
  add_peaks(all);
  for (const std::int64_t kernel : {3, 1}) {
    add_own(channels, kernel, all);
    add_onednn(channels, kernel, all);
    add_torch(channels, kernel, all);
  }
  for (int round = 0; round < kRounds; ++round) {
    for (auto& one : all) one.best = std::max(one.best, one.products / seconds(one.work));
  }
  double peak = 0;
  for (const auto& one : all) peak = std::max(peak, one.name.rfind("peak", 0) == 0 ? one.best : 0);
  std::printf("%d channels, %d x %d cells, one thread\n", static_cast<int>(channels),
              static_cast<int>(kWidth), static_cast<int>(kHeight));
  for (const auto& one : all) {
    std::printf("%-44s %7.1f G products/s", one.name.c_str(), one.best / 1e9);
    if (peak > 0) std::printf(", %3.0f %% of the peak", 100 * one.best / peak);
    std::printf("\n");
  }
}
